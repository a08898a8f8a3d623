"""The car at the charger, ISO 15118-2: both real, on virtual time, over real TLS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.evcc.material20 import World20
from tests.interplay.meeting import Meeting, meet

BEGINNING = ["SupportedAppProtocolReq", "SessionSetupReq", "ServiceDiscoveryReq"]
INSTALLING = ["ServiceDetailReq", "PaymentServiceSelectionReq", "CertificateInstallationReq"]
PAYING = ["PaymentDetailsReq", "AuthorizationReq"]
CHARGING = {
    "ac": ["ChargeParameterDiscoveryReq", "PowerDeliveryReq", "ChargingStatusReq", "PowerDeliveryReq"],
    "dc": [
        "ChargeParameterDiscoveryReq",
        "CableCheckReq",
        "PreChargeReq",
        "PowerDeliveryReq",
        "CurrentDemandReq",
        "PowerDeliveryReq",
        "WeldingDetectionReq",
    ],
}


@pytest.fixture(scope="module")
def world() -> World20:
    return World20()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "car"


def visit(
    folder: Path,
    world: World20,
    kind: str,
    car: Mapping[str, Any] | None = None,
    charger: Mapping[str, Any] | None = None,
) -> Meeting:
    wanted = {"protocols": ("iso2",), "charging.current": kind} | dict(car or {})
    return meet(folder, world, car=wanted, charger=charger)


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_installation_and_charging(folder: Path, world: World20, kind: str) -> None:
    meeting = visit(folder, world, kind, {"charging.rounds": 12})
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert meeting.messages() == BEGINNING + INSTALLING + PAYING + CHARGING[kind] + ["SessionStopReq"]
    assert report.energy_transfer_mode == {"ac": "AC_three_phase_core", "dc": "DC_extended"}[kind]
    assert report.contract_installed
    assert report.energy_wh > 0
    (ended,) = meeting.charger.of("session.ended")
    assert ended["outcome"] == "ok"
    assert ended["energy_wh"] == pytest.approx(report.energy_wh, rel=0.3)


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_the_driver_identifies_himself_and_takes_his_time(folder: Path, world: World20, kind: str) -> None:
    charger = {"external.rounds": 3, "external.delay_s": 20.0}
    meeting = visit(folder, world, kind, {"payment": "external"}, charger)
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert len(meeting.sent("AuthorizationReq")) > 3


def test_without_a_wish_a_dc_car_takes_dc(folder: Path, world: World20) -> None:
    assert visit(folder, world, "auto").report.energy_transfer_mode == "DC_extended"


@pytest.mark.parametrize(
    ("modes", "taken"), [(["DC_core", "DC_combo_core"], "DC_combo_core"), (["DC_core"], "DC_core")]
)
def test_energy_transfer_modes(folder: Path, world: World20, modes: list[str], taken: str) -> None:
    meeting = visit(folder, world, "dc", charger={"station.dc_modes": modes})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.energy_transfer_mode == taken


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_receipts(folder: Path, world: World20, kind: str) -> None:
    car = {"charging.rounds": 6}
    meeting = visit(folder, world, kind, car, {"station.receipt_every": 2})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.receipts == 3


@pytest.mark.parametrize("kind", ["ac", "dc"])
@pytest.mark.parametrize("who", ["car", "charger"])
def test_schedules_are_renegotiated(folder: Path, world: World20, kind: str, who: str) -> None:
    car: dict[str, Any] = {"charging.rounds": 8}
    charger = {}
    if who == "car":
        car["charging.renegotiate_after_rounds"] = 3
    else:
        charger["wishes.schedule_renegotiation_after"] = 3
    meeting = visit(folder, world, kind, car, charger)
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert (report.renegotiations, report.rounds) == (1, 8)
    assert len(meeting.sent("ChargeParameterDiscoveryReq")) == 2
    again = CHARGING[kind][:-1] if kind == "dc" else CHARGING[kind]
    assert meeting.messages()[-len(again) - 2 :][: len(again)] == again or kind == "ac"


@pytest.mark.parametrize("kind", ["ac", "dc"])
@pytest.mark.parametrize("payment", ["contract", "external"])
def test_the_car_pauses_and_comes_back(folder: Path, world: World20, kind: str, payment: str) -> None:
    car = {
        "charging.rounds": 6,
        "charging.pause_after_rounds": 3,
        "charging.pause_s": 3600.0,
        "payment": payment,
    }
    meeting = visit(folder, world, kind, car)
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert (report.pauses, report.resumed, report.rounds) == (1, True, 6)
    sessions = [event["session"] for event in meeting.car.of("session.started")]
    assert len(sessions) == 2
    assert sessions[0] == sessions[1]
    chosen = [event["id"] for event in meeting.car.of("schedule.chosen")]
    assert chosen[0] == chosen[1]


def test_a_charger_that_has_forgotten_the_session(folder: Path, world: World20) -> None:
    car = {"charging.rounds": 6, "charging.pause_after_rounds": 3, "charging.pause_s": 3600.0}
    meeting = visit(folder, world, "dc", car, {"pause.keep_s": 60.0})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert not meeting.report.resumed


def test_a_slow_isolation_test_is_waited_for(folder: Path, world: World20) -> None:
    meeting = visit(folder, world, "dc", charger={"dc.isolation_s": 37.0})
    assert meeting.report.outcome == "ok", meeting.report.detail


@pytest.mark.parametrize(
    ("charger", "message", "timer"),
    [
        ({"dc.isolation_s": 60.0}, "CableCheckRes", "V2G_SECC_CableCheck_Performance_Time"),
        ({"dc.ramp_v_per_s": 10.0}, "PreChargeRes", "V2G_SECC_PreCharge_Performance_Time"),
    ],
)
def test_a_charger_that_is_too_slow_says_so_in_time(
    folder: Path, world: World20, charger: dict[str, Any], message: str, timer: str
) -> None:
    meeting = visit(folder, world, "dc", charger=charger)
    assert meeting.report.reason == "response_code.FAILED"
    assert message in meeting.report.detail
    assert meeting.charger.of("timer.expired")[0]["name"] == timer


@pytest.mark.parametrize(
    ("car", "charger", "reason"),
    [
        (
            {"timers.cable_check_s": 5.0},
            {"dc.isolation_s": 30.0},
            "timeout.V2G_EVCC_CableCheck_Timeout.CableCheckRes",
        ),
        (
            {"timers.pre_charge_s": 2.0},
            {"dc.ramp_v_per_s": 80.0},
            "timeout.V2G_EVCC_PreCharge_Timeout.PreChargeRes",
        ),
    ],
)
def test_a_car_that_is_impatient(
    folder: Path, world: World20, car: dict[str, Any], charger: dict[str, Any], reason: str
) -> None:
    assert visit(folder, world, "dc", car, charger).report.reason == reason


TARIFF = {"tariff.levels": [3, 2], "tariff.saver_power_w": 9_000.0, "tariff.saver_levels": [1]}


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_of_schedules_that_deliver_the_same_the_cheaper_one(folder: Path, world: World20, kind: str) -> None:
    car = {"protocols": ("iso2",), "charging.current": kind}
    meeting = meet(folder, world, car=car, charger=TARIFF, tariff_key=world.mo[1].signing_key())
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert (report.schedule, report.priced) == (2, True)
    verified = [event for event in meeting.car.of("signature.verified") if event["what"] == "SalesTariff"]
    assert verified[0]["references"] == ["id1", "id2"]
    assert max(event["power_w"] for event in meeting.charger.of("charging")) <= 9_000


def test_tariffs_that_nobody_vouches_for_are_not_looked_at(folder: Path, world: World20) -> None:
    car = {"protocols": ("iso2",), "charging.current": "dc"}
    meeting = meet(folder, world, car=car, charger=TARIFF, tariff_key=world.cps.leaf.signing_key())
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert (meeting.report.schedule, meeting.report.priced) == (1, False)
    assert meeting.car.of("signature.failed")[0]["what"] == "SalesTariff"


def test_no_tariff_without_a_contract(folder: Path, world: World20) -> None:
    car = {"protocols": ("iso2",), "payment": "external"}
    meeting = meet(folder, world, car=car, charger=TARIFF, tariff_key=world.mo[1].signing_key())
    assert (meeting.report.outcome, meeting.report.schedule, meeting.report.priced) == ("ok", 1, False)


@pytest.mark.parametrize(
    ("offered", "taken"),
    [(["ftp", "http", "https"], "https"), (["http"], "http"), (["ftp"], None), ([], None)],
)
def test_internet_access(folder: Path, world: World20, offered: list[str], taken: str | None) -> None:
    charger = {"services.internet": offered, "services.use_case": {"Parking": "free"}}
    meeting = visit(folder, world, "ac", {"network.internet": True}, charger)
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.internet == taken
