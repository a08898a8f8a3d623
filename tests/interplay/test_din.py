"""The car at the charger, DIN 70121: both real, on virtual time, without TLS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.evcc.material20 import World20
from tests.interplay.meeting import Meeting, meet

WAY = [
    "SupportedAppProtocolReq",
    "SessionSetupReq",
    "ServiceDiscoveryReq",
    "ServicePaymentSelectionReq",
    "ContractAuthenticationReq",
    "ChargeParameterDiscoveryReq",
    "CableCheckReq",
    "PreChargeReq",
    "PowerDeliveryReq",
    "CurrentDemandReq",
    "PowerDeliveryReq",
    "WeldingDetectionReq",
    "SessionStop",
]


@pytest.fixture(scope="module")
def world() -> World20:
    return World20()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "car"


def visit(folder: Path, world: World20, car: Mapping[str, Any] | None = None, **charger: Any) -> Meeting:
    changes = {name.replace("__", "."): value for name, value in charger.items()} | {"network.tls": False}
    return meet(
        folder,
        world,
        car={"protocols": ("din",)} | dict(car or {}),
        charger=changes,
        protocols=("din", "iso2"),
    )


def test_a_whole_session(folder: Path, world: World20) -> None:
    meeting = visit(folder, world, {"charging.rounds": 12})
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert meeting.messages() == WAY
    assert (report.protocol, report.energy_transfer_mode) == ("din", "DC_extended")
    assert report.energy_wh > 0
    assert report.evse_id is not None
    assert report.evse_id.startswith("DE*PNC*")
    (ended,) = meeting.charger.of("session.ended")
    assert (ended["outcome"], ended["protocol"]) == ("ok", "din")


def test_more_than_sixteen_bits_of_watts(folder: Path, world: World20) -> None:
    """32767 W means "all that there is": the car charges with its 80 kW."""
    meeting = visit(folder, world, {"charging.rounds": 40})
    assert max(event["power_w"] for event in meeting.charger.of("charging")) > 60_000


def test_a_weak_charger(folder: Path, world: World20) -> None:
    meeting = visit(folder, world, {"charging.rounds": 20}, dc__max_power_w=20_000.0)
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert 19_000 < max(event["power_w"] for event in meeting.charger.of("charging")) <= 20_001


def test_what_takes_its_time(folder: Path, world: World20) -> None:
    meeting = visit(folder, world, external__rounds=3, schedule__rounds=2, dc__isolation_s=30.0)
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert len(meeting.sent("ContractAuthenticationReq")) == 4
    assert len(meeting.sent("ChargeParameterDiscoveryReq")) == 3


@pytest.mark.parametrize(
    ("car", "charger", "reason"),
    [
        ({}, {"external__accept": False}, "response_code.FAILED"),
        ({}, {"external__delay_s": 100.0}, "response_code.FAILED"),
        ({}, {"dc__isolation_s": 50.0}, "response_code.FAILED"),
        ({}, {"dc__ramp_v_per_s": 10.0}, "response_code.FAILED"),
        ({}, {"station__dc_outlets": 0}, "response_code.Failed_NoNegotiation"),
        ({}, {"payment__external": False}, "response_code.Failed_NoNegotiation"),
        (
            {"timers.cable_check_s": 5.0},
            {"dc__isolation_s": 30.0},
            "timeout.V2G_EVCC_CableCheck_Timeout.CableCheckRes",
        ),
        (
            {"timers.pre_charge_s": 2.0},
            {"dc__ramp_v_per_s": 80.0},
            "timeout.V2G_EVCC_PreCharge_Timeout.PreChargeRes",
        ),
        (
            {"timers.ongoing_s": 10.0},
            {"external__delay_s": 50.0},
            "timeout.V2G_EVCC_Ongoing_Timeout.ContractAuthenticationRes",
        ),
    ],
)
def test_what_ends_a_session(
    folder: Path, world: World20, car: dict[str, Any], charger: dict[str, Any], reason: str
) -> None:
    assert visit(folder, world, car, **charger).report.reason == reason


def test_the_charger_honours_the_order_of_the_car(folder: Path, world: World20) -> None:
    car = {"payment": "external", "network.tls": False}
    for order, spoken in [(("iso2", "din"), "iso2"), (("din", "iso2"), "din"), ((), "iso2")]:
        meeting = visit(folder, world, car | {"protocols": order})
        assert (meeting.report.outcome, meeting.report.protocol) == ("ok", spoken), meeting.report.detail
