"""The car at the charger, ISO 15118-20: both real, on virtual time, over real TLS 1.3."""

from pathlib import Path

import pytest

from pki.profiles import Edition
from tests.evcc.material import EMAIDS
from tests.evcc.material20 import World20
from tests.interplay.meeting import Market, meet

BEGINNING = ["SupportedAppProtocolReq", "SessionSetupReq", "AuthorizationSetupReq"]
INSTALLING = ["CertificateInstallationReq"]
SELECTING = ["AuthorizationReq", "ServiceDiscoveryReq", "ServiceDetailReq", "ServiceSelectionReq"]
CHARGING = {
    "ac": [
        "AC_ChargeParameterDiscoveryReq",
        "ScheduleExchangeReq",
        "PowerDeliveryReq",
        "AC_ChargeLoopReq",
        "PowerDeliveryReq",
    ],
    "dc": [
        "DC_ChargeParameterDiscoveryReq",
        "ScheduleExchangeReq",
        "DC_CableCheckReq",
        "DC_PreChargeReq",
        "PowerDeliveryReq",
        "DC_ChargeLoopReq",
        "PowerDeliveryReq",
        "DC_WeldingDetectionReq",
    ],
}
STOPPING = ["SessionStopReq"]


@pytest.fixture(scope="module")
def world() -> World20:
    return World20()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "car"


@pytest.mark.parametrize("kind", ["ac", "dc"])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_installation_and_charging(
    folder: Path, world: World20, kind: str, control: str, bidirectional: bool
) -> None:
    car = {
        "protocols": (f"iso20-{kind}",),
        "charging.control": control,
        "charging.bidirectional": bidirectional,
        "charging.rounds": 12,
    }
    meeting = meet(folder, world, car=car)
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert meeting.messages() == BEGINNING + INSTALLING + SELECTING + CHARGING[kind] + STOPPING
    assert report.protocol == f"iso20-{kind}"
    assert report.service == kind.upper() + ("_BPT" if bidirectional else "")
    assert report.control == control
    assert report.contracts_installed == [EMAIDS[0]]
    assert report.energy_wh > 0
    (established,) = meeting.car.of("tls.established")
    assert established["version"] == "TLSv1.3"
    (ended,) = meeting.charger.of("session.ended")
    assert ended["outcome"] == "ok"


@pytest.mark.parametrize("kind", ["ac", "dc"])
@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
def test_energy_back_to_the_grid(folder: Path, world: World20, kind: str, control: str) -> None:
    car = {
        "protocols": (f"iso20-{kind}",),
        "charging.control": control,
        "charging.bidirectional": True,
        "charging.direction": "discharge",
        "charging.rounds": 30,
    }
    meeting = meet(folder, world, car=car, charger={"schedule.discharge_w": 6_000.0})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.discharged_wh > 1
    assert meeting.battery_wh < 30_000


def test_three_contracts_from_a_slow_market(folder: Path, world: World20) -> None:
    """The market needs twelve seconds: Ongoing meanwhile, then one contract an answer."""
    market = Market(world, count=3, delay_s=12.0)
    meeting = meet(folder, world, market=market)
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert report.contracts_installed == list(EMAIDS[:3])
    assert report.emaid == EMAIDS[0]
    assert [contract.emaid for contract in meeting.store.contracts] == list(EMAIDS[:3])
    assert len(market.wanted) == 1
    answers = [e for e in meeting.car.of("message.received") if e["name"] == "CertificateInstallationRes"]
    assert len(answers) > 3 + 5
    assert all(answer["elapsed_s"] < 5 for answer in answers)
    assert report.durations.installation_s == pytest.approx(12, abs=2)


def test_prioritized_contracts_come_first(folder: Path, world: World20) -> None:
    car = {"contract.prioritized_emaids": (EMAIDS[4], EMAIDS[2]), "contract.maximum": 2}
    meeting = meet(folder, world, car=car, market=Market(world, count=4))
    assert meeting.report.contracts_installed == [EMAIDS[4], EMAIDS[2]]
    assert meeting.report.emaid == EMAIDS[4]


def test_the_next_session_uses_what_is_stored(folder: Path, world: World20) -> None:
    meet(folder, world)
    meeting = meet(folder, world)
    assert meeting.report.outcome == "ok"
    assert not meeting.report.contract_installed
    assert "CertificateInstallationReq" not in meeting.messages()


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_the_car_pauses_and_comes_back(folder: Path, world: World20, kind: str) -> None:
    car = {
        "protocols": (f"iso20-{kind}",),
        "charging.rounds": 6,
        "charging.pause_after_rounds": 3,
        "charging.pause_s": 3600.0,
    }
    meeting = meet(folder, world, car=car)
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert (report.pauses, report.resumed, report.rounds) == (1, True, 6)
    sessions = [event["session"] for event in meeting.car.of("session.started")]
    assert len(sessions) == 2
    assert sessions[0] == sessions[1]


def test_the_charger_pauses(folder: Path, world: World20) -> None:
    meeting = meet(folder, world, car={"charging.rounds": 8}, charger={"wishes.pause_after": 3})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.pauses >= 1
    assert meeting.report.resumed


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_schedules_are_renegotiated(folder: Path, world: World20, kind: str) -> None:
    car = {"protocols": (f"iso20-{kind}",), "charging.rounds": 8}
    meeting = meet(folder, world, car=car, charger={"wishes.schedule_renegotiation_after": 3})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.renegotiations == 1
    assert len(meeting.sent("ScheduleExchangeReq")) == 2
    assert meeting.report.rounds == 8


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_services_are_renegotiated(folder: Path, world: World20, kind: str) -> None:
    car = {"protocols": (f"iso20-{kind}",), "charging.rounds": 8}
    meeting = meet(folder, world, car=car, charger={"wishes.service_renegotiation_after": 3})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert len(meeting.sent("ServiceDiscoveryReq")) == 2
    assert meeting.report.rounds == 8


def test_meters_are_confirmed(folder: Path, world: World20) -> None:
    meeting = meet(folder, world, car={"charging.rounds": 6}, charger={"station.receipt_every": 2})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.receipts == 3


def test_external_identification(folder: Path, world: World20) -> None:
    meeting = meet(folder, world, car={"payment": "external"}, charger={"external.rounds": 3})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.payment == "EIM"
    assert len(meeting.sent("AuthorizationReq")) == 4


def test_a_car_that_checks_in_and_out(folder: Path, world: World20) -> None:
    meeting = meet(folder, world, car={"charging.check_in": True})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert "VehicleCheckInReq" in meeting.messages()
    assert meeting.messages()[-2:] == ["VehicleCheckOutReq", "SessionStopReq"]


def test_the_cars_preference_counts(folder: Path, world: World20) -> None:
    assert meet(folder, world).report.protocol == "iso20-dc"
    assert meet(folder, world, car={"protocols": ("iso20-ac", "iso20-dc")}).report.protocol == "iso20-ac"
    assert meet(folder, world, car={"protocols": ("iso2",)}).report.protocol == "iso2"


def test_both_generations_side_by_side(folder: Path, world: World20) -> None:
    """A charger of -2 only gets a session of -2, with a contract in the store of -2."""
    older = meet(folder, world, protocols=("iso2",))
    assert older.report.outcome == "ok", older.report.detail
    assert older.report.protocol == "iso2"
    assert len(older.store_iso2.contracts) == 1
    assert older.store.contracts == ()
    newer = meet(folder, world)
    assert newer.report.protocol == "iso20-dc"
    assert len(newer.store.contracts) == 1


def test_prices_are_read(folder: Path, world: World20) -> None:
    (chosen,) = meet(folder, world).car.of("schedule.chosen")
    assert chosen["unit"] == "EUR"
    assert chosen["cost"] > 0


def test_the_other_suite(folder: Path) -> None:
    """Ed448 and X448 from the vehicle certificate to the contract key, on both sides."""
    world = World20(suite=Edition.ISO20_ED448)
    meeting = meet(folder, world, market=Market(world, count=2))
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.protocol == "iso20-dc"
    assert len(meeting.store.contracts) == 2


def test_a_market_that_never_answers(folder: Path, world: World20) -> None:
    """The charger says Ongoing for 55 s and then WARNING; the car ends before its own 60 s are over."""
    meeting = meet(folder, world, market=Market(world, delay_s=1e6))
    assert meeting.report.reason == "response_code.WARNING_NoCertificateAvailable"
    assert meeting.report.exit_code == 7
    assert 50 < meeting.report.durations.total_s < 60
    assert meeting.store.contracts == ()


def test_a_charger_that_gives_up_after_one_message(folder: Path, world: World20) -> None:
    """The other reading of when to give up: at the message performance time."""
    meeting = meet(
        folder,
        world,
        car={"contract.fallback_external": True},
        charger={"installation.give_up": "message"},
        market=Market(world, delay_s=1e6),
    )
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert meeting.report.payment == "EIM"
    assert len(meeting.sent("CertificateInstallationReq")) == 1


def test_a_market_without_a_contract_for_the_car(folder: Path, world: World20) -> None:
    meeting = meet(folder, world, market=Market(world, count=0))
    assert meeting.report.reason == "response_code.WARNING_NoContractMatchingPCIDFound"


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_a_slow_link(folder: Path, world: World20, kind: str) -> None:
    """Half of the 0.5 s of the charge loop goes by on the way there and back."""
    car = {"protocols": (f"iso20-{kind}",)}
    assert meet(folder, world, car=car, delay_s=0.1).report.outcome == "ok"
    late = meet(folder, world, car=car, delay_s=0.26)
    assert late.report.reason == f"timeout.V2G_EVCC_Msg_Timeout.{kind.upper()}_ChargeLoopRes"


def test_a_charger_without_dc_outlets(folder: Path, world: World20) -> None:
    """The car likes DC best and takes what there is; one that can do nothing else is told."""
    outlets = {"station.dc_outlets": 0}
    assert meet(folder, world, charger=outlets).report.protocol == "iso20-ac"
    only = meet(folder, world, car={"protocols": ("iso20-dc",)}, charger=outlets)
    assert (only.report.reason, only.report.exit_code) == ("response_code.Failed_NoNegotiation", 7)


def test_all_wishes_at_once(folder: Path, world: World20) -> None:
    meeting = meet(
        folder,
        world,
        car={"charging.rounds": 30, "charging.bidirectional": True},
        charger={
            "wishes.schedule_renegotiation_after": 4,
            "wishes.service_renegotiation_after": 8,
            "wishes.pause_after": 12,
            "station.receipt_every": 3,
            "schedule.rounds": 2,
            "external.rounds": 2,
        },
        market=Market(world, count=3, delay_s=4.0),
    )
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert report.rounds == 30
    assert report.resumed
    assert report.receipts > 5
    assert report.renegotiations >= 1
