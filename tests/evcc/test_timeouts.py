"""The car's timers, on virtual time: each one expires when the standard says so, and is named."""

import pytest

from evcc.config import Payment
from tests.evcc import charger as c
from tests.evcc.conftest import Drive
from v2g import timing
from v2g.messages.iso2 import EVSEProcessing

ONGOING = EVSEProcessing.Ongoing
WAITING = EVSEProcessing.Ongoing_WaitingForCustomerInteraction

SENT_ONCE = (
    "SupportedAppProtocol",
    "SessionSetup",
    "ServiceDiscovery",
    "ServiceDetail",
    "PaymentServiceSelection",
    "CertificateInstallation",
    "PaymentDetails",
    "Authorization",
    "ChargeParameterDiscovery",
    "PowerDelivery",
    "ChargingStatus",
    "SessionStop",
)


@pytest.mark.parametrize("message", SENT_ONCE)
def test_every_message_has_its_timeout(drive: Drive, message: str) -> None:
    run = drive({f"{message}Req": c.Silence}, overrides={"charging.interval_s": 0.0})
    limit_s = timing.EVCC_MESSAGE_TIMEOUT_S[message]
    assert run.report.reason == f"timeout.V2G_EVCC_Msg_Timeout.{message}Res"
    assert (run.report.outcome, run.report.exit_code) == ("aborted", 6)
    assert run.took_s == pytest.approx(limit_s)
    assert run.charger.names[-1] == f"{message}Req"
    assert run.charger.closed_by_car
    (expired,) = run.events("timer.expired")
    assert (expired["name"], expired["limit_s"]) == ("V2G_EVCC_Msg_Timeout", limit_s)
    (closed,) = run.events("tcp.closed")
    assert closed["by"] == "us"


def test_a_receipt_has_its_timeout(drive: Drive) -> None:
    answers = {"ChargingStatusReq": c.charging_status(receipt=True), "MeteringReceiptReq": c.Silence}
    assert drive(answers).report.reason == "timeout.V2G_EVCC_Msg_Timeout.MeteringReceiptRes"


@pytest.mark.parametrize("message", SENT_ONCE)
@pytest.mark.parametrize(("early_s", "outcome"), [(0.001, "ok"), (-0.001, "aborted")])
def test_an_answer_just_in_time_counts(drive: Drive, message: str, early_s: float, outcome: str) -> None:
    late = c.Late(timing.EVCC_MESSAGE_TIMEOUT_S[message] - early_s)
    assert drive({f"{message}Req": late}).report.outcome == outcome


def test_an_answer_byte_by_byte_must_end_in_time(drive: Drive) -> None:
    """The timer is for the whole message: a first byte in time does not stop it."""
    run = drive({"ServiceDiscoveryReq": c.Raw(b"\x01\xfe\x80\x01\x00\x00")})
    assert run.report.reason == "timeout.V2G_EVCC_Msg_Timeout.ServiceDiscoveryRes"
    assert run.took_s == pytest.approx(2)


def test_the_way_there_and_back_counts(drive: Drive) -> None:
    assert drive(delay_s=0.9).report.outcome == "ok"
    assert drive(delay_s=1.1).report.reason == "timeout.V2G_EVCC_Msg_Timeout.SupportedAppProtocolRes"


@pytest.mark.parametrize("message", ["Authorization", "ChargeParameterDiscovery"])
def test_ongoing_for_a_minute(drive: Drive, message: str) -> None:
    ongoing = {
        "Authorization": c.authorized(ONGOING),
        "ChargeParameterDiscovery": c.charge_parameters(ONGOING, schedules=False),
    }
    run = drive({f"{message}Req": ongoing[message]}, overrides={"timers.ongoing_interval_s": 1.0})
    assert run.report.reason == f"timeout.V2G_EVCC_Ongoing_Timeout.{message}Res"
    assert run.took_s == pytest.approx(60)
    assert run.charger.names.count(f"{message}Req") == 60
    (expired,) = run.events("timer.expired")
    assert (expired["name"], expired["limit_s"]) == ("V2G_EVCC_Ongoing_Timeout", 60)


def test_ongoing_and_then_silence(drive: Drive) -> None:
    """While a request is repeated its own timeout still holds."""
    run = drive({"AuthorizationReq": [c.authorized(ONGOING), c.Silence]})
    assert run.report.reason == "timeout.V2G_EVCC_Msg_Timeout.AuthorizationRes"


def test_the_ongoing_timer_cuts_a_message_short(drive: Drive) -> None:
    run = drive(
        {"AuthorizationReq": [c.authorized(ONGOING), c.Late(1.9, c.authorized(ONGOING))]},
        overrides={"timers.ongoing_interval_s": 0.0, "timers.ongoing_s": 5.0},
    )
    assert run.report.reason == "timeout.V2G_EVCC_Ongoing_Timeout.AuthorizationRes"
    assert run.took_s == pytest.approx(5)


def test_finished_in_the_last_moment(drive: Drive) -> None:
    answers = [c.authorized(ONGOING)] * 59 + [c.authorized()]
    run = drive({"AuthorizationReq": answers}, overrides={"timers.ongoing_interval_s": 1.0})
    assert run.report.outcome == "ok"


def test_each_request_has_an_ongoing_timer_of_its_own(drive: Drive) -> None:
    parameters = [c.charge_parameters(ONGOING, schedules=False)] * 40 + [c.charge_parameters()]
    answers = {
        "AuthorizationReq": [c.authorized(ONGOING)] * 40 + [c.authorized()],
        "ChargeParameterDiscoveryReq": parameters,
    }
    run = drive(answers, overrides={"timers.ongoing_interval_s": 1.0})
    assert run.report.outcome == "ok"


@pytest.mark.parametrize(("wait_s", "outcome"), [(None, "aborted"), (300.0, "ok")])
def test_waiting_for_a_customer(drive: Drive, wait_s: float | None, outcome: str) -> None:
    answers = [c.authorized(WAITING)] * 120 + [c.authorized()]
    overrides = {"timers.ongoing_interval_s": 1.0} | (
        {} if wait_s is None else {"timers.customer_wait_s": wait_s}
    )
    run = drive({"AuthorizationReq": answers}, overrides=overrides, payment=Payment.EXTERNAL)
    assert run.report.outcome == outcome


def test_communication_set_up_within_20_seconds(drive: Drive) -> None:
    """With longer message timeouts the timer over all of the set-up still holds."""
    overrides = {"timers.messages": {"SupportedAppProtocol": 15.0, "SessionSetup": 15.0}}
    run = drive(
        {"SupportedAppProtocolReq": c.Late(12.0), "SessionSetupReq": c.Late(12.0)}, overrides=overrides
    )
    assert run.report.reason == "timeout.V2G_EVCC_CommunicationSetup_Timeout.SessionSetupRes"
    assert run.took_s == pytest.approx(20)


def test_after_set_up_its_timer_is_over(drive: Drive) -> None:
    run = drive(
        {"AuthorizationReq": [c.authorized(ONGOING)] * 30 + [c.authorized()]},
        overrides={"timers.ongoing_interval_s": 1.0},
    )
    assert run.report.outcome == "ok"
    assert run.took_s > 20


def test_a_timeout_may_be_configured(drive: Drive) -> None:
    run = drive({"PaymentDetailsReq": c.Late(2.5)}, overrides={"timers.messages": {"PaymentDetails": 2.0}})
    assert run.report.reason == "timeout.V2G_EVCC_Msg_Timeout.PaymentDetailsRes"
    assert run.took_s == pytest.approx(2)


def test_times_go_to_the_trace(drive: Drive) -> None:
    run = drive(delay_s=0.25)
    received = {event["name"]: event for event in run.events("message.received")}
    response = received["CertificateInstallationRes"]
    assert response["elapsed_s"] == pytest.approx(0.5)
    assert (response["limit_name"], response["limit_s"]) == ("V2G_EVCC_Msg_Timeout", 5)
    assert run.report.durations.installation_s == pytest.approx(0.5)
