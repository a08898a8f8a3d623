"""The session as it should go: what the car says, in which order, and what it makes of good answers."""

from datetime import timedelta
from pathlib import Path

import pytest

from evcc.config import Payment
from evcc.contracts import Contract, ContractStore
from pki.chain import public_key
from tests.evcc import charger as c
from tests.evcc.conftest import Drive
from tests.evcc.material import EMAIDS, NOW, World
from v2g.messages import appprotocol, iso2
from v2g.messages.iso2 import ChargeProgress, EVSENotification, EVSEProcessing, PaymentOption, UnitSymbol
from v2g.security.signature import (
    verify_authorization_req,
    verify_certificate_installation_req,
    verify_metering_receipt_req,
)

SETUP = ["SupportedAppProtocolReq", "SessionSetupReq", "ServiceDiscoveryReq"]
INSTALLING = ["ServiceDetailReq", "PaymentServiceSelectionReq", "CertificateInstallationReq"]
IDENTIFYING = ["PaymentDetailsReq", "AuthorizationReq"]
CHARGING = [
    "ChargeParameterDiscoveryReq",
    "PowerDeliveryReq",
    "ChargingStatusReq",
    "ChargingStatusReq",
    "PowerDeliveryReq",
    "SessionStopReq",
]

NOTHING = EVSENotification.None_
STOP = EVSENotification.StopCharging
RENEGOTIATE = EVSENotification.ReNegotiation
ONGOING = EVSEProcessing.Ongoing
FINISHED = EVSEProcessing.Finished


def store_contract(folder: Path, contract: Contract) -> None:
    ContractStore.open(folder / "contracts").install(contract, NOW)


def test_a_car_without_contract_installs_one_and_charges_with_it(drive: Drive) -> None:
    run = drive()
    assert run.charger.names == SETUP + INSTALLING + IDENTIFYING + CHARGING
    report = run.report
    assert (report.outcome, report.reason, report.exit_code) == ("ok", "", 0)
    assert report.contract_installed
    assert report.emaid == EMAIDS[0]
    assert report.messages == len(run.charger.names)
    assert report.session_id == c.SESSION_ID.hex()
    assert report.evse_id == c.EVSE_ID
    assert report.stopped_by == "rounds"
    assert run.store.chosen is not None
    assert run.store.chosen.emaid == EMAIDS[0]
    (installed,) = run.events("contract.installed")
    assert installed["emaid"] == EMAIDS[0]
    (ended,) = run.events("session.ended")
    assert ended["outcome"] == "ok"
    assert ended["contract_installed"] is True
    assert ended["session"] == c.SESSION_ID.hex()


def test_the_next_session_installs_nothing(drive: Drive) -> None:
    drive()
    run = drive()
    assert run.charger.names == [*SETUP, "PaymentServiceSelectionReq", *IDENTIFYING, *CHARGING]
    assert run.report.outcome == "ok"
    assert not run.report.contract_installed
    assert run.report.emaid == EMAIDS[0]
    (selection,) = run.charger.of(iso2.PaymentServiceSelectionReq)
    assert [item.service_id for item in selection.selected_service_list.selected_service] == [1]
    (used,) = run.events("contract.used")
    assert used["emaid"] == EMAIDS[0]


def test_external_payment_over_a_plain_connection(drive: Drive) -> None:
    run = drive(payment=Payment.EXTERNAL)
    assert run.report.outcome == "ok"
    assert run.charger.names == [*SETUP, "PaymentServiceSelectionReq", "AuthorizationReq", *CHARGING]
    (selection,) = run.charger.of(iso2.PaymentServiceSelectionReq)
    assert selection.selected_payment_option is PaymentOption.ExternalPayment
    (authorization,) = run.charger.of(iso2.AuthorizationReq)
    assert (authorization.id, authorization.gen_challenge) == (None, None)
    assert run.charger.header_of(iso2.AuthorizationReq).signature is None
    assert run.report.emaid is None


def test_session_ids(drive: Drive) -> None:
    """The first SessionID is one zero byte, from then on it is the charger's."""
    headers = drive().charger.headers
    assert headers[0].session_id == b"\x00"
    assert {header.session_id for header in headers[1:]} == {c.SESSION_ID}


def test_protocols_are_offered(drive: Drive) -> None:
    (request,) = drive().charger.of(appprotocol.SupportedAppProtocolReq)
    (offered,) = request.app_protocol
    assert offered.protocol_namespace == "urn:iso:15118:2:2013:MsgDef"
    assert (offered.version_number_major, offered.version_number_minor) == (2, 0)
    assert (offered.schema_id, offered.priority) == (1, 1)


def test_the_installation_request(drive: Drive, world: World) -> None:
    run = drive()
    (request,) = run.charger.of(iso2.CertificateInstallationReq)
    (root,) = request.list_of_root_certificate_ids.root_certificate_id
    assert root.x509_issuer_name == world.v2g_root.certificate.issuer.rfc4514_string()
    assert root.x509_serial_number == world.v2g_root.certificate.serial_number
    signature = run.charger.header_of(iso2.CertificateInstallationReq).signature
    verify_certificate_installation_req(signature, request, public_key(world.oem.leaf.certificate))
    (selection,) = run.charger.of(iso2.PaymentServiceSelectionReq)
    selected = selection.selected_service_list.selected_service
    assert [(item.service_id, item.parameter_set_id) for item in selected] == [(1, None), (2, 1)]


def test_contract_and_proof(drive: Drive) -> None:
    run = drive()
    contract = run.store.chosen
    assert contract is not None
    (details,) = run.charger.of(iso2.PaymentDetailsReq)
    assert details.emaid == contract.emaid
    assert details.contract_signature_cert_chain.sub_certificates is not None
    assert len(details.contract_signature_cert_chain.sub_certificates.certificate) == 2
    (request,) = run.charger.of(iso2.AuthorizationReq)
    assert request.gen_challenge == c.CHALLENGE
    signature = run.charger.header_of(iso2.AuthorizationReq).signature
    verify_authorization_req(signature, request, public_key(contract.certificate))


def test_a_repeated_authorization_is_the_same_signed_request(drive: Drive) -> None:
    run = drive({"AuthorizationReq": [c.authorized(ONGOING), c.authorized(ONGOING), c.authorized()]})
    assert run.report.outcome == "ok"
    first, *others = run.charger.of(iso2.AuthorizationReq)
    assert others == [first, first]
    assert run.charger.header_of(iso2.AuthorizationReq).signature is not None


def test_charge_parameters_are_asked_for_until_they_are_there(drive: Drive) -> None:
    ongoing = c.charge_parameters(ONGOING, schedules=False)
    run = drive({"ChargeParameterDiscoveryReq": [ongoing, c.charge_parameters()]})
    assert run.report.outcome == "ok"
    assert run.charger.names.count("ChargeParameterDiscoveryReq") == 2


def test_what_the_car_says_of_itself(drive: Drive) -> None:
    run = drive(overrides={"charging.target_soc_percent": 80.0})
    (setup,) = run.charger.of(iso2.SessionSetupReq)
    assert setup.evcc_id == bytes.fromhex("0200005E1001")
    (request,) = run.charger.of(iso2.ChargeParameterDiscoveryReq)
    assert request.requested_energy_transfer_mode is iso2.EnergyTransferMode.AC_three_phase_core
    limits = request.ev_charge_parameter
    assert limits.e_amount == iso2.PhysicalValue(multiplier=0, unit=UnitSymbol.Wh, value=18_000)
    assert limits.ev_max_current == c.amperes(16)
    assert limits.ev_min_current == c.amperes(6)
    start, stop = run.charger.of(iso2.PowerDeliveryReq)
    assert (start.charge_progress, stop.charge_progress) == (ChargeProgress.Start, ChargeProgress.Stop)
    assert start.sa_schedule_tuple_id == stop.sa_schedule_tuple_id == 7


def test_a_single_phase_charger(drive: Drive) -> None:
    single = c.services(modes=(iso2.EnergyTransferMode.AC_single_phase_core,))
    run = drive({"ServiceDiscoveryReq": single}, overrides={"charging.interval_s": 36.0})
    (request,) = run.charger.of(iso2.ChargeParameterDiscoveryReq)
    assert request.requested_energy_transfer_mode is iso2.EnergyTransferMode.AC_single_phase_core
    assert run.report.energy_wh == pytest.approx(230 * 16 * 36 / 3600)


def test_a_charger_that_leaves_parameter_sets_out(drive: Drive) -> None:
    assert drive({"ServiceDetailReq": c.service_detail()}).report.outcome == "ok"


def test_the_profile_stays_inside_schedule_and_car(drive: Drive) -> None:
    entries = ((0, c.watts(3_000)), (600, c.watts(22_080)), (1200, c.watts(0)))
    run = drive({"ChargeParameterDiscoveryReq": c.charge_parameters(entries=entries)})
    start = run.charger.of(iso2.PowerDeliveryReq)[0]
    profile = [
        (entry.charging_profile_entry_start, entry.charging_profile_entry_max_power)
        for entry in start.charging_profile.profile_entry
    ]
    assert profile == [(0, c.watts(3_000)), (600, c.watts(11_000)), (1200, c.watts(0))]


def test_a_long_schedule_gives_a_profile_of_24_entries(drive: Drive) -> None:
    entries = tuple((60 * number, c.watts(1_000 + number)) for number in range(30))
    run = drive({"ChargeParameterDiscoveryReq": c.charge_parameters(entries=entries)})
    assert run.report.outcome == "ok"
    assert len(run.charger.of(iso2.PowerDeliveryReq)[0].charging_profile.profile_entry) == 24


def test_energy_follows_the_schedule_and_the_outlet(drive: Drive) -> None:
    """Half an hour at 11 kW, then 6 kW by the schedule, then 8 A by the outlet."""
    entries = ((0, c.watts(11_000)), (1800, c.watts(6_000)))
    lower = [c.charging_status()] * 121 + [c.charging_status(max_current=c.amperes(8))]
    run = drive(
        {
            "ChargeParameterDiscoveryReq": c.charge_parameters(entries=entries),
            "ChargingStatusReq": lower,
        },
        overrides={"charging.interval_s": 30.0, "charging.rounds": 181},
    )
    assert run.report.outcome == "ok"
    expected_wh = 11_000 / 2 + 6_000 / 2 + 8 * 230 * 3 / 2
    assert run.report.energy_wh == pytest.approx(expected_wh, rel=0.02)
    assert run.took_s == pytest.approx(180 * 30)
    rounds = run.events("charging")
    assert len(rounds) == 181
    assert rounds[-1]["soc_percent"] == pytest.approx(run.report.soc_percent)


def test_a_current_below_the_car_s_minimum_gives_nothing(drive: Drive) -> None:
    run = drive({"ChargeParameterDiscoveryReq": c.charge_parameters(current=c.amperes(5))})
    assert run.report.outcome == "ok"
    assert run.report.energy_wh == 0


def test_charging_to_the_target(drive: Drive) -> None:
    """From 50 % to 80 % of 60 kWh at 11 kW takes 1.64 hours, whatever the number of rounds."""
    run = drive(overrides={"charging.rounds": 0, "charging.interval_s": 30.0})
    assert run.report.stopped_by == "target_soc"
    assert run.report.soc_percent == pytest.approx(80, abs=0.2)
    assert run.took_s == pytest.approx(18_000 / 11_000 * 3600, abs=31)


def test_a_battery_at_its_target_starts_and_stops(drive: Drive) -> None:
    run = drive(overrides={"charging.target_soc_percent": 40.0})
    assert run.report.outcome == "ok"
    assert run.report.stopped_by == "target_soc"
    assert "ChargingStatusReq" not in run.charger.names
    assert run.charger.names[-3:] == ["PowerDeliveryReq", "PowerDeliveryReq", "SessionStopReq"]


def test_charging_until_full(drive: Drive) -> None:
    overrides = {"charging.rounds": 0, "charging.interval_s": 39.0, "charging.target_soc_percent": 100.0}
    run = drive(overrides=overrides)
    assert run.report.stopped_by == "battery_full"
    assert run.report.soc_percent == 100


def test_the_charger_asks_to_stop(drive: Drive) -> None:
    run = drive(
        {"ChargingStatusReq": [c.charging_status(), c.charging_status(STOP)]},
        overrides={"charging.rounds": 9},
    )
    assert run.report.outcome == "ok"
    assert run.report.stopped_by == "charger_asked"
    assert run.report.rounds == 2
    assert run.charger.names[-2:] == ["PowerDeliveryReq", "SessionStopReq"]


def test_the_charger_asks_to_stop_at_once(drive: Drive) -> None:
    run = drive({"PowerDeliveryReq": c.power_delivery(STOP)})
    assert run.report.stopped_by == "charger_asked"
    assert run.report.rounds == 0


def test_a_fault_current_ends_charging(drive: Drive) -> None:
    run = drive({"ChargingStatusReq": c.charging_status(rcd=True)}, overrides={"charging.rounds": 9})
    assert run.report.stopped_by == "fault_current"
    assert run.report.rounds == 1


def test_renegotiation(drive: Drive) -> None:
    run = drive(
        {
            "ChargingStatusReq": [c.charging_status(RENEGOTIATE), c.charging_status()],
            "ChargeParameterDiscoveryReq": [
                c.charge_parameters(),
                c.charge_parameters(entries=((0, c.watts(5_000)),)),
            ],
        },
        overrides={"charging.rounds": 3},
    )
    assert run.report.outcome == "ok"
    progress = [request.charge_progress for request in run.charger.of(iso2.PowerDeliveryReq)]
    start, stop = ChargeProgress.Start, ChargeProgress.Stop
    assert progress == [start, ChargeProgress.Renegotiate, start, stop]
    assert run.report.rounds == 3


def test_endless_renegotiation_ends_with_the_rounds(drive: Drive) -> None:
    run = drive(
        {
            "PowerDeliveryReq": c.power_delivery(RENEGOTIATE),
            "ChargingStatusReq": c.charging_status(RENEGOTIATE),
        },
        overrides={"charging.rounds": 4},
    )
    assert run.report.outcome == "ok"
    assert run.report.rounds == 4


def test_receipts_are_signed(drive: Drive) -> None:
    answers = {"ChargingStatusReq": [c.charging_status(receipt=True), c.charging_status()]}
    run = drive(answers)
    assert run.report.outcome == "ok"
    assert run.report.receipts == 1
    (receipt,) = run.charger.of(iso2.MeteringReceiptReq)
    assert receipt.session_id == c.SESSION_ID
    assert receipt.meter_info == c.charging_status().meter_info
    contract = run.store.chosen
    assert contract is not None
    signature = run.charger.header_of(iso2.MeteringReceiptReq).signature
    verify_metering_receipt_req(signature, receipt, public_key(contract.certificate))


def test_a_receipt_in_every_round_does_not_charge_for_ever(drive: Drive) -> None:
    run = drive({"ChargingStatusReq": c.charging_status(receipt=True)})
    assert run.report.outcome == "ok"
    assert (run.report.rounds, run.report.receipts) == (2, 2)


def test_a_receipt_may_carry_the_wish_to_stop(drive: Drive) -> None:
    answers = {
        "ChargingStatusReq": c.charging_status(receipt=True),
        "MeteringReceiptReq": c.metering_receipt(STOP),
    }
    assert drive(answers, overrides={"charging.rounds": 9}).report.stopped_by == "charger_asked"


def test_the_driver_leaves(drive: Drive) -> None:
    run = drive(overrides={"charging.rounds": 0, "charging.interval_s": 30.0}, leave_after_s=100.0)
    assert run.report.outcome == "ok"
    assert run.report.stopped_by == "driver"
    assert run.took_s == pytest.approx(100)
    assert run.charger.names[-2:] == ["PowerDeliveryReq", "SessionStopReq"]


def test_a_contract_about_to_expire_is_replaced(drive: Drive, world: World, tmp_path: Path) -> None:
    drive()
    old = world.contract(EMAIDS[3], validity=timedelta(days=1, hours=12))
    store_contract(tmp_path / "car", old)
    run = drive()
    assert run.report.contract_installed
    assert run.report.emaid == EMAIDS[0]
    (rejected,) = run.events("certificate.rejected")
    assert rejected["rule"] == "expired"


def test_an_expiring_contract_is_used_where_none_can_be_installed(
    drive: Drive, world: World, tmp_path: Path
) -> None:
    drive()
    store_contract(tmp_path / "car", world.contract(EMAIDS[3], validity=timedelta(days=1, hours=12)))
    run = drive({"ServiceDiscoveryReq": c.services(installation=False)})
    assert run.report.outcome == "ok"
    assert run.report.emaid == EMAIDS[3]


@pytest.mark.parametrize(
    ("shift", "rule"), [(timedelta(days=800), "expired"), (timedelta(days=-2), "not_yet_valid")]
)
def test_a_contract_that_is_not_valid_now_is_not_used(drive: Drive, shift: timedelta, rule: str) -> None:
    drive()
    run = drive({"ServiceDiscoveryReq": c.services(installation=False)}, at=NOW + shift)
    assert run.report.exit_code == 11
    (rejected,) = run.events("certificate.rejected")
    assert rejected["rule"] == rule


def test_the_chosen_contract_is_used(drive: Drive, world: World, tmp_path: Path) -> None:
    drive()
    store_contract(tmp_path / "car", world.contract(EMAIDS[4]))
    assert drive().report.emaid == EMAIDS[4]
    ContractStore.open(tmp_path / "car" / "contracts").choose(EMAIDS[0])
    assert drive().report.emaid == EMAIDS[0]


def test_a_full_store_keeps_what_it_has(drive: Drive, world: World, tmp_path: Path) -> None:
    """The chosen contract is not valid yet, the others are good: there is no room for a new one."""
    drive(payment=Payment.EXTERNAL)
    for emaid in EMAIDS[1:5]:
        store_contract(tmp_path / "car", world.contract(emaid))
    store_contract(tmp_path / "car", world.contract(EMAIDS[5], at=NOW + timedelta(days=3)))
    run = drive()
    assert run.report.exit_code == 12
    assert run.report.reason == "contract_store"
    assert len(run.store.contracts) == 5
    assert run.charger.names[-1] == "CertificateInstallationReq"


@pytest.mark.parametrize("chunk_size", [1, 7, None])
def test_any_chunking_gives_the_same_session(drive: Drive, chunk_size: int | None) -> None:
    run = drive(chunk_size=chunk_size)
    assert run.report.outcome == "ok"
    assert run.charger.names == SETUP + INSTALLING + IDENTIFYING + CHARGING


def test_secrets_stay_out_of_the_trace(drive: Drive) -> None:
    run = drive()
    assert run.store.chosen is not None
    secret = f"{run.store.chosen.ecdsa_key.private_numbers().private_value:x}"
    assert secret not in repr(run.trace.records)
