"""The car's timers of -20, on virtual time: each one expires when the tables say so, and is named."""

from itertools import pairwise

import pytest

from evcc.config import Payment
from tests.evcc import charger as c
from tests.evcc import charger20 as c20
from tests.evcc.conftest import Drive
from v2g import timing
from v2g.messages.iso20.common_types import EvseNotification, Processing

ONGOING = Processing.Ongoing

SENT_ONCE = (
    "SupportedAppProtocol",
    "SessionSetup",
    "VehicleCheckIn",
    "AuthorizationSetup",
    "CertificateInstallation",
    "Authorization",
    "ServiceDiscovery",
    "ServiceDetail",
    "ServiceSelection",
    "DC_ChargeParameterDiscovery",
    "ScheduleExchange",
    "DC_CableCheck",
    "DC_PreCharge",
    "PowerDelivery",
    "DC_ChargeLoop",
    "DC_WeldingDetection",
    "VehicleCheckOut",
    "SessionStop",
)
QUICK = {"charging.loop_interval_s": 0.0, "charging.check_in": True}
AC = {"protocols": ["iso20-ac"]}


@pytest.mark.parametrize("message", SENT_ONCE)
def test_every_message_has_its_timeout(drive20: Drive, message: str) -> None:
    run = drive20({f"{message}Req": c.Silence}, overrides=QUICK)
    limit_s = timing.ISO20_EVCC_MESSAGE_TIMEOUT_S[message]
    assert run.report.reason == f"timeout.V2G_EVCC_Msg_Timeout.{message}Res"
    assert (run.report.outcome, run.report.exit_code) == ("aborted", 6)
    assert run.took_s == pytest.approx(limit_s)
    assert run.charger.names[-1] == f"{message}Req"
    assert run.charger.closed_by_car
    (expired,) = run.events("timer.expired")
    assert (expired["name"], expired["limit_s"]) == ("V2G_EVCC_Msg_Timeout", limit_s)


@pytest.mark.parametrize("message", SENT_ONCE)
@pytest.mark.parametrize(("early_s", "outcome"), [(0.001, "ok"), (-0.001, "aborted")])
def test_an_answer_just_in_time_counts(drive20: Drive, message: str, early_s: float, outcome: str) -> None:
    late = c.Late(timing.ISO20_EVCC_MESSAGE_TIMEOUT_S[message] - early_s)
    answers = {f"{message}Req": [late, c20.USUAL20[f"{message}Req"]]}
    assert drive20(answers, overrides=QUICK).report.outcome == outcome


@pytest.mark.parametrize(("seconds", "outcome"), [(0.499, "ok"), (0.501, "aborted")])
def test_half_a_second_in_the_charge_loop(drive20: Drive, seconds: float, outcome: str) -> None:
    """Which peers define and never enforce."""
    run = drive20({"AC_ChargeLoopReq": c.Late(seconds)}, overrides=AC)
    assert run.report.outcome == outcome
    if outcome == "aborted":
        assert run.report.reason == "timeout.V2G_EVCC_Msg_Timeout.AC_ChargeLoopRes"


def test_a_confirmation_has_its_timeout(drive20: Drive) -> None:
    answers = {
        "AC_ChargeLoopReq": c20.ac_loop(EvseNotification.MeteringConfirmation),
        "MeteringConfirmationReq": c.Silence,
    }
    run = drive20(answers, overrides=AC)
    assert run.report.reason == "timeout.V2G_EVCC_Msg_Timeout.MeteringConfirmationRes"


def test_rounds_follow_each_other_in_a_quarter_of_a_second(drive20: Drive) -> None:
    """Half of what the charger waits for."""
    run = drive20(overrides={"charging.rounds": 5})
    loops = [
        at
        for at, name in zip(run.charger.arrivals, run.charger.names, strict=True)
        if name == "DC_ChargeLoopReq"
    ]
    gaps = [later - earlier for earlier, later in pairwise(loops)]
    assert gaps == pytest.approx([0.25] * 4, abs=0.001)


@pytest.mark.parametrize("message", ["Authorization", "ScheduleExchange"])
def test_ongoing_for_a_minute(drive20: Drive, message: str) -> None:
    ongoing = {
        "Authorization": c20.authorized(ONGOING),
        "ScheduleExchange": c20.scheduled(c20.schedule_tuple(1, (600, 1000), anchor=0), processing=ONGOING),
    }
    run = drive20({f"{message}Req": ongoing[message]}, overrides={"timers.ongoing_interval_s": 1.0})
    assert run.report.reason == f"timeout.V2G_EVCC_Ongoing_Timeout.{message}Res"
    assert run.took_s == pytest.approx(60)


def test_waiting_for_a_customer_is_bounded_apart(drive20: Drive) -> None:
    waiting = c20.authorized(Processing.Ongoing_WaitingForCustomerInteraction)
    answers = {"AuthorizationReq": [waiting] * 100 + [c20.authorized()]}
    quick = {"timers.ongoing_interval_s": 1.0}
    assert drive20(answers, overrides=quick, payment=Payment.EXTERNAL).report.outcome == "aborted"
    patient = quick | {"timers.customer_wait_s": 300.0}
    assert drive20(answers, overrides=patient, payment=Payment.EXTERNAL).report.outcome == "ok"


@pytest.mark.parametrize(("limit_s", "override"), [(40.0, {}), (5.0, {"timers.cable_check_s": 5.0})])
def test_the_cable_check_has_a_timer_of_its_own(
    drive20: Drive, limit_s: float, override: dict[str, float]
) -> None:
    overrides = {"timers.ongoing_interval_s": 1.0} | override
    run = drive20({"DC_CableCheckReq": c20.cable_check(ONGOING)}, overrides=overrides)
    assert run.report.reason == "timeout.V2G_EVCC_CableCheck_Timeout.DC_CableCheckRes"
    assert run.took_s == pytest.approx(limit_s)


def test_pre_charge_takes_seven_seconds_at_most(drive20: Drive) -> None:
    run = drive20({"DC_PreChargeReq": c20.pre_charge(100)})
    assert run.report.reason == "timeout.V2G_EVCC_PreCharge_Timeout.DC_PreChargeRes"
    assert run.took_s == pytest.approx(7)


def test_a_voltage_that_never_goes(drive20: Drive) -> None:
    run = drive20({"DC_WeldingDetectionReq": c20.welding(400)})
    assert run.report.reason == "timeout.V2G_EVCC_Ongoing_Timeout.DC_WeldingDetectionRes"
    assert run.took_s == pytest.approx(60, abs=1)


def test_communication_set_up_within_20_seconds(drive20: Drive) -> None:
    overrides = {"timers.messages": {"SupportedAppProtocol": 15.0, "SessionSetup": 15.0}}
    answers = {"SupportedAppProtocolReq": c.Late(12.0), "SessionSetupReq": c.Late(12.0)}
    run = drive20(answers, overrides=overrides)
    assert run.report.reason == "timeout.V2G_EVCC_CommunicationSetup_Timeout.SessionSetupRes"
    assert run.took_s == pytest.approx(20)


def test_a_timeout_may_be_configured(drive20: Drive) -> None:
    overrides = {"timers.messages": {"DC_ChargeLoop": 3.0}}
    assert drive20({"DC_ChargeLoopReq": c.Late(2.5)}, overrides=overrides).report.outcome == "ok"
