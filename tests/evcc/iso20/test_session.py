"""The -20 session as it should go: what the car says, in which order, and what it makes of good answers."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from evcc.config import Payment
from evcc.contracts import ContractStore
from tests.evcc import charger as c
from tests.evcc import charger20 as c20
from tests.evcc.bundle20 import placeholders
from tests.evcc.conftest import Drive
from tests.evcc.material import EMAIDS, NOW
from tests.evcc.material20 import World20
from v2g.messages import appprotocol
from v2g.messages.iso20 import ac, dc
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import EvseNotification, Processing, ResponseCode
from v2g.rational import number_of, rational
from v2g.security.signature_iso20 import verify_authorization_req, verify_metering_confirmation_req
from v2g.services import ServiceId

SETUP = ["SupportedAppProtocolReq", "SessionSetupReq", "AuthorizationSetupReq"]
SELECTING = ["AuthorizationReq", "ServiceDiscoveryReq", "ServiceDetailReq", "ServiceSelectionReq"]
DC_BEFORE = [
    "DC_ChargeParameterDiscoveryReq",
    "ScheduleExchangeReq",
    "DC_CableCheckReq",
    "DC_PreChargeReq",
    "DC_PreChargeReq",
]
DC_LOOP = ["PowerDeliveryReq", "DC_ChargeLoopReq", "DC_ChargeLoopReq", "PowerDeliveryReq"]
DC_AFTER = ["DC_WeldingDetectionReq", "DC_WeldingDetectionReq"]
AC_ONLY: dict[str, Any] = {"protocols": ["iso20-ac"]}

MONEY = {
    "currency": "EUR",
    "language": "eng",
    "price_algorithm": "urn:iso:std:iso:15118:-20:PriceAlgorithm:1-Power",
}


def store_contract(folder: Path, world: World20, emaid: str, **options: Any) -> None:
    ContractStore.open(folder / "iso20" / "contracts").install(world.contract20(emaid, **options), NOW)


def test_a_dc_session_from_installation_to_welding_detection(drive20: Drive) -> None:
    run = drive20()
    names = [*SETUP, "CertificateInstallationReq", *SELECTING, *DC_BEFORE, *DC_LOOP, *DC_AFTER]
    assert run.charger.names == [*names, "SessionStopReq"]
    report = run.report
    assert (report.outcome, report.protocol, report.service, report.control) == (
        "ok",
        "iso20-dc",
        "DC",
        "scheduled",
    )
    assert report.session_id == c.SESSION_ID.hex()
    assert report.evse_id == c.EVSE_ID
    assert report.payment == "PnC"
    assert report.emaid == EMAIDS[0]
    assert report.contracts_installed == [EMAIDS[0]]
    assert report.messages == len(run.charger.names)
    assert report.stopped_by == "rounds"


def test_an_ac_session(drive20: Drive) -> None:
    run = drive20(overrides=AC_ONLY)
    assert run.report.outcome == "ok"
    assert run.charger.names[-7:] == [
        "AC_ChargeParameterDiscoveryReq",
        "ScheduleExchangeReq",
        "PowerDeliveryReq",
        "AC_ChargeLoopReq",
        "AC_ChargeLoopReq",
        "PowerDeliveryReq",
        "SessionStopReq",
    ]


def test_what_is_offered(drive20: Drive) -> None:
    (request,) = drive20().charger.of(appprotocol.SupportedAppProtocolReq)
    offered = [
        (entry.protocol_namespace.rpartition(":")[2], entry.priority) for entry in request.app_protocol
    ]
    assert offered == [("DC", 1), ("AC", 2), ("MsgDef", 3)]


def test_the_order_is_that_of_the_configuration(drive20: Drive) -> None:
    run = drive20(overrides={"protocols": ["iso2", "iso20-ac"]}, answers={"SupportedAppProtocolReq": c.Close})
    (request,) = run.charger.of(appprotocol.SupportedAppProtocolReq)
    assert [entry.protocol_namespace.rpartition(":")[2] for entry in request.app_protocol] == ["MsgDef", "AC"]


def test_below_tls_13_only_the_older_generation_is_offered(drive20: Drive, world20: World20) -> None:
    """A charger with TLS 1.2 alone: the same car speaks -2."""

    def older(charger: c.Charger) -> None:
        from v2g.net.tls import ServerTls

        charger.tls = ServerTls(world20.cpo.wire, world20.cpo.leaf.signing_key())
        charger.usual = c.USUAL

    run = drive20(prepare=older)
    assert run.report.outcome == "ok", run.report.detail
    assert run.report.protocol == "iso2"
    (request,) = run.charger.of(appprotocol.SupportedAppProtocolReq)
    assert [entry.protocol_namespace.rpartition(":")[2] for entry in request.app_protocol] == ["MsgDef"]
    only20 = drive20(prepare=older, overrides={"protocols": ["iso20-dc"]})
    assert only20.report.exit_code == 5
    assert only20.charger.requests == []


def test_headers(drive20: Drive) -> None:
    """Eight zero bytes before there is a session, then the charger's id; and the time, in seconds."""
    run = drive20()
    assert run.charger.headers[0].session_id == bytes(8)
    assert {header.session_id for header in run.charger.headers[1:]} == {c.SESSION_ID}
    stamps = [header.body.header.time_stamp for header in run.charger.headers]  # type: ignore[union-attr]
    assert stamps[0] == int(NOW.timestamp())
    assert stamps == sorted(stamps)


def test_who_the_car_is(drive20: Drive, world20: World20) -> None:
    (request,) = drive20().charger.of(cm.SessionSetupReq)
    assert request.evcc_id == f"EVCC{world20.pcid}"


def test_authorization_is_signed_over_the_challenge(drive20: Drive) -> None:
    run = drive20()
    (request,) = run.charger.of(cm.AuthorizationReq)
    mode = request.pnc_a_req_authorization_mode
    assert mode.gen_challenge == c.CHALLENGE
    assert len(mode.contract_certificate_chain.sub_certificates.certificate) == 2
    contract = run.store.chosen
    assert contract is not None
    signature = run.charger.header_of(cm.AuthorizationReq).signature
    verify_authorization_req(signature, request, contract.key.public_key())


def test_the_next_session_installs_nothing(drive20: Drive) -> None:
    drive20()
    run = drive20()
    assert run.report.outcome == "ok"
    assert "CertificateInstallationReq" not in run.charger.names
    assert run.report.emaid == EMAIDS[0]


def test_a_contract_of_a_provider_that_the_charger_takes(
    drive20: Drive, world20: World20, tmp_path: Path
) -> None:
    drive20(payment=Payment.EXTERNAL)
    other = "FRXYZ1234567892"
    store_contract(tmp_path / "car20", world20, other)
    store_contract(tmp_path / "car20", world20, EMAIDS[0])
    assert drive20().report.emaid == EMAIDS[0]
    answers = {"AuthorizationSetupReq": c20.authorization_setup(providers=("FR-XYZ",))}
    assert drive20(answers).report.emaid == other
    answers = {"AuthorizationSetupReq": c20.authorization_setup(providers=("NLABC",))}
    assert drive20(answers).report.emaid == EMAIDS[0]


def test_a_contract_about_to_expire_is_replaced(drive20: Drive, world20: World20, tmp_path: Path) -> None:
    drive20(payment=Payment.EXTERNAL)
    store_contract(tmp_path / "car20", world20, EMAIDS[3], validity=timedelta(days=1, hours=12))
    run = drive20()
    assert run.report.contracts_installed == [EMAIDS[0]]


def test_external_identification(drive20: Drive) -> None:
    waiting = c20.authorized(Processing.Ongoing_WaitingForCustomerInteraction)
    run = drive20({"AuthorizationReq": [waiting, waiting, c20.authorized()]}, payment=Payment.EXTERNAL)
    assert run.report.outcome == "ok"
    assert run.report.payment == "EIM"
    assert run.report.emaid is None
    requests = run.charger.of(cm.AuthorizationReq)
    assert len(requests) == 3
    assert {request.selected_authorization_service for request in requests} == {cm.Authorization.EIM}
    assert run.charger.header_of(cm.AuthorizationReq).signature is None


@pytest.mark.parametrize("code", [code for code in ResponseCode if code.startswith("WARNING")])
def test_a_warning_is_no_authorization(drive20: Drive, code: ResponseCode) -> None:
    run = drive20({"AuthorizationReq": c20.authorized(code=code)})
    assert (run.report.reason, run.report.exit_code) == (f"response_code.{code}", 7)
    answers = {"AuthorizationReq": [c20.authorized(code=code), c20.authorized()]}
    run = drive20(answers, overrides={"contract.fallback_external": True})
    assert (run.report.outcome, run.report.payment, run.report.emaid) == ("ok", "EIM", None)


def test_the_driver_takes_the_place_of_a_contract_only_where_he_can(drive20: Drive) -> None:
    fallback = {"contract.fallback_external": True}
    only = c20.authorization_setup(cm.Authorization.EIM)
    assert drive20({"AuthorizationSetupReq": only}, overrides=fallback).report.payment == "EIM"
    contract_only = {
        "AuthorizationSetupReq": c20.authorization_setup(cm.Authorization.PnC),
        "CertificateInstallationReq": placeholders(ResponseCode.WARNING_NoCertificateAvailable),
    }
    run = drive20(contract_only, overrides=fallback)
    assert run.report.reason == "response_code.WARNING_NoCertificateAvailable"


def test_a_warning_elsewhere_is_noted_and_passed_over(drive20: Drive) -> None:
    loop = c20.ac_loop(code="WARNING_EVPowerProfileViolation")
    run = drive20({"AC_ChargeLoopReq": loop}, overrides=AC_ONLY)
    assert run.report.outcome == "ok"
    assert {event["code"] for event in run.events("response.warning")} == {"WARNING_EVPowerProfileViolation"}


# --- services -------------------------------------------------------------------------------------------------


def test_control_modes(drive20: Drive) -> None:
    for control, number in (("scheduled", 1), ("dynamic", 2)):
        run = drive20(overrides={"charging.control": control})
        (selection,) = run.charger.of(cm.ServiceSelectionReq)
        chosen = selection.selected_energy_transfer_service
        assert (chosen.service_id, chosen.parameter_set_id) == (ServiceId.DC, number)
        assert selection.selected_vas_list is None
        (exchange,) = run.charger.of(cm.ScheduleExchangeReq)
        assert (exchange.dynamic_se_req_control_mode is not None) == (control == "dynamic")


@pytest.mark.parametrize(
    ("offer", "service"),
    [
        ((ServiceId.DC, ServiceId.DC_BPT), "DC_BPT"),
        ((ServiceId.DC,), "DC"),
        ((ServiceId.WPT, ServiceId.DC_ACDP, ServiceId.DC), "DC"),
    ],
)
def test_a_bidirectional_service_is_preferred_where_wanted(
    drive20: Drive, offer: tuple[ServiceId, ...], service: str
) -> None:
    run = drive20({"ServiceDiscoveryReq": c20.services(*offer)}, overrides={"charging.bidirectional": True})
    assert run.report.service == service


@pytest.mark.parametrize(
    "offer",
    [
        (ServiceId.WPT,),
        (ServiceId.DC_ACDP, ServiceId.DC_ACDP_BPT),
        (ServiceId.AC,),
        (ServiceId.DC_BPT,),
    ],
)
def test_services_that_the_car_never_selects(drive20: Drive, offer: tuple[ServiceId, ...]) -> None:
    run = drive20({"ServiceDiscoveryReq": c20.services(*offer)})
    assert (run.report.reason, run.report.exit_code) == ("not_offered", 11)
    assert offer[0].name in run.report.detail
    assert "ServiceSelectionReq" not in run.charger.names


def test_a_charger_without_the_control_mode(drive20: Drive) -> None:
    run = drive20({"ServiceDetailReq": c20.details(ServiceId.DC, 2)})
    assert run.report.reason == "not_offered"
    assert "scheduled control" in run.report.detail


def test_a_single_phase_car_takes_a_single_phase_connector(drive20: Drive, tmp_path: Path) -> None:
    drive20(overrides=AC_ONLY)
    settings = tmp_path / "car20" / "vehicle.toml"
    settings.write_text(settings.read_text() + "\n[ac]\nphases = 1\n")
    run = drive20({"ServiceDetailReq": c20.details(ServiceId.AC, 1, CONNECTOR=2)}, overrides=AC_ONLY)
    assert run.report.reason == "not_offered"


# --- schedules --------------------------------------------------------------------------------------------------


def at() -> int:
    return int(NOW.timestamp())


def prices(*fees: tuple[int, float], **more: Any) -> cm.AbsolutePriceSchedule:
    stacks = [
        cm.PriceRuleStack(
            duration=duration,
            price_rule=[cm.PriceRule(energy_fee=rational(fee), power_range_start=rational(0))],
        )
        for duration, fee in fees
    ]
    return cm.AbsolutePriceSchedule(
        time_anchor=at(),
        price_schedule_id=1,
        price_rule_stacks=cm.PriceRuleStackList(price_rule_stack=stacks),
        **(MONEY | more),
    )


def test_the_cheapest_of_equal_schedules_is_taken(drive20: Drive) -> None:
    day = (86_400, 11_000)
    offer = c20.scheduled(
        c20.schedule_tuple(1, day, anchor=at(), prices=prices((86_400, 0.6))),
        c20.schedule_tuple(2, day, anchor=at(), prices=prices((86_400, 0.3))),
        c20.schedule_tuple(3, day, anchor=at(), prices=prices((3_600, 0.1), (82_800, 0.9))),
    )
    run = drive20({"ScheduleExchangeReq": offer}, overrides=AC_ONLY)
    (start, _) = run.charger.of(cm.PowerDeliveryReq)
    mode = start.ev_power_profile.scheduled_evppt_control_mode
    assert mode.selected_schedule_tuple_id == 2
    (chosen,) = run.events("schedule.chosen")
    assert (chosen["id"], chosen["of"], chosen["unit"]) == (2, 3, "EUR")
    assert chosen["cost"] == pytest.approx(18 * 0.3)


def test_more_energy_counts_more_than_a_low_price(drive20: Drive) -> None:
    offer = c20.scheduled(
        c20.schedule_tuple(1, (3_600, 2_000), anchor=at(), prices=prices((3_600, 0.01))),
        c20.schedule_tuple(2, (36_000, 11_000), anchor=at(), prices=prices((36_000, 0.9))),
    )
    run = drive20({"ScheduleExchangeReq": offer}, overrides=AC_ONLY)
    assert run.events("schedule.chosen")[0]["id"] == 2


def test_the_profile_stays_inside_schedule_and_car(drive20: Drive) -> None:
    entries = ((600, 20_000), (600, 4_500), (600, 7_777.7))
    offer = c20.scheduled(c20.schedule_tuple(9, *entries, anchor=at()))
    run = drive20({"ScheduleExchangeReq": offer}, overrides=AC_ONLY)
    (start, stop) = run.charger.of(cm.PowerDeliveryReq)
    profile = start.ev_power_profile
    found = profile.ev_power_profile_entries.ev_power_profile_entry
    assert [entry.duration for entry in found] == [600, 600, 600]
    powers = [number_of(entry.power) for entry in found]
    assert powers == pytest.approx([11_000, 4_500, 7_777], abs=1)
    limits = [number_of(rational(limit)) for _, limit in entries]
    assert all(power <= limit for power, limit in zip(powers, limits, strict=True))
    assert profile.time_anchor == at()
    assert stop.ev_power_profile is None
    assert run.report.energy_wh == pytest.approx(11_000 * run.took_s / 3600, rel=0.01)


def test_a_schedule_limits_what_flows(drive20: Drive) -> None:
    offer = c20.scheduled(c20.schedule_tuple(9, (36_000, 2_000), anchor=at()))
    run = drive20({"ScheduleExchangeReq": offer}, overrides={"charging.rounds": 9})
    asked = run.charger.of(dc.DC_ChargeLoopReq)
    volts, amperes = 375.0, number_of(asked[0].cl_req_control_mode.ev_target_current)
    assert volts * amperes == pytest.approx(2_000, rel=0.01)


def test_a_tolerance_is_accepted(drive20: Drive) -> None:
    tuple_ = c20.schedule_tuple(1, (600, 5_000), anchor=at())
    tuple_.charging_schedule.power_schedule.power_tolerance = rational(100)
    run = drive20({"ScheduleExchangeReq": c20.scheduled(tuple_)})
    (start, _) = run.charger.of(cm.PowerDeliveryReq)
    mode = start.ev_power_profile.scheduled_evppt_control_mode
    assert mode.power_tolerance_acceptance is cm.PowerToleranceAcceptance.PowerToleranceConfirmed


def test_dynamic_control_has_no_profile(drive20: Drive) -> None:
    run = drive20(overrides={"charging.control": "dynamic"})
    (start, _) = run.charger.of(cm.PowerDeliveryReq)
    assert start.ev_power_profile is None


# --- the charge loop ----------------------------------------------------------------------------------------------


def test_the_charger_sets_the_power_in_dynamic_control(drive20: Drive) -> None:
    answers = {"AC_ChargeLoopReq": [c20.ac_loop(target_w=6_000), c20.ac_loop(target_w=99_000)]}
    run = drive20(answers, overrides=AC_ONLY | {"charging.control": "dynamic", "charging.rounds": 3})
    present = [
        number_of(request.cl_req_control_mode.ev_present_active_power)
        for request in run.charger.of(ac.AC_ChargeLoopReq)
    ]
    assert present == pytest.approx([0, 6_000, 11_000])


def test_the_car_gives_back_what_the_charger_asks_for(drive20: Drive) -> None:
    run = drive20(
        {"AC_ChargeLoopReq": c20.ac_loop(target_w=-20_000)},
        overrides=AC_ONLY
        | {"charging.control": "dynamic", "charging.bidirectional": True, "charging.rounds": 9},
    )
    assert run.report.outcome == "ok"
    assert run.report.energy_wh == 0
    # 9 kW is the outlet's limit, 10 kW the car's.
    assert run.report.discharged_wh == pytest.approx(9_000 * 2.0 / 3600, rel=0.01)


def test_discharging_ends_at_the_floor(drive20: Drive, tmp_path: Path) -> None:
    drive20(overrides=AC_ONLY)
    settings = tmp_path / "car20" / "vehicle.toml"
    settings.write_text(settings.read_text() + "min_soc_percent = 49.99\n")
    run = drive20(
        overrides=AC_ONLY
        | {"charging.bidirectional": True, "charging.direction": "discharge", "charging.rounds": 0}
    )
    assert run.report.stopped_by == "discharge_limit"
    assert run.report.soc_percent == pytest.approx(49.99)
    (start, *_) = run.charger.of(cm.PowerDeliveryReq)
    (entry,) = start.ev_power_profile.ev_power_profile_entries.ev_power_profile_entry
    assert number_of(entry.power) == -8_000


@pytest.mark.parametrize("kind", ["ac", "dc"])
def test_below_what_it_keeps_the_car_gives_nothing(drive20: Drive, tmp_path: Path, kind: str) -> None:
    """In dynamic control the charger may ask, but the car says that there is nothing to be had."""
    drive20(payment=Payment.EXTERNAL)
    settings = tmp_path / "car20" / "vehicle.toml"
    settings.write_text(settings.read_text() + "min_soc_percent = 60.0\n")
    run = drive20(
        {"AC_ChargeLoopReq": c20.ac_loop(target_w=-5_000)},
        overrides={
            "protocols": [f"iso20-{kind}"],
            "charging.control": "dynamic",
            "charging.bidirectional": True,
        },
    )
    assert run.report.outcome == "ok"
    assert run.report.discharged_wh == 0
    for request in run.charger.of(ac.AC_ChargeLoopReq) + run.charger.of(dc.DC_ChargeLoopReq):
        mode = request.cl_req_control_mode
        assert number_of(mode.ev_maximum_discharge_power) == 0
        if kind == "ac":
            assert number_of(mode.ev_present_active_power) == 0


def test_dc_current_follows_all_limits(drive20: Drive) -> None:
    run = drive20({"DC_ChargeParameterDiscoveryReq": c20.dc_limits(most_a=20)})
    request = run.charger.of(dc.DC_ChargeLoopReq)[-1]
    assert number_of(request.cl_req_control_mode.ev_target_current) == 20
    assert number_of(request.cl_req_control_mode.ev_target_voltage) == 420


def test_dc_limits_may_change_on_the_way(drive20: Drive) -> None:
    answers = {"DC_ChargeLoopReq": [c20.dc_loop(), c20.dc_loop(evse_maximum_charge_current=7), c20.dc_loop()]}
    run = drive20(answers, overrides={"charging.rounds": 3})
    asked = [number_of(r.cl_req_control_mode.ev_target_current) for r in run.charger.of(dc.DC_ChargeLoopReq)]
    assert asked[2] == 7 < asked[1]


def test_pre_charge_waits_for_the_voltage(drive20: Drive) -> None:
    answers = {"DC_PreChargeReq": [c20.pre_charge(v) for v in (0, 100, 300, 370, 375)]}
    run = drive20(answers)
    assert run.report.outcome == "ok"
    requests = run.charger.of(dc.DC_PreChargeReq)
    assert [request.ev_processing for request in requests] == [Processing.Ongoing] * 4 + [Processing.Finished]
    assert number_of(requests[0].ev_target_voltage) == 375


def test_welding_detection_waits_until_the_voltage_has_gone(drive20: Drive) -> None:
    answers = {"DC_WeldingDetectionReq": [c20.welding(v) for v in (400, 200, 50, 10)]}
    run = drive20(answers)
    assert run.report.outcome == "ok"
    processing = [request.ev_processing for request in run.charger.of(dc.DC_WeldingDetectionReq)]
    assert processing == [Processing.Ongoing] * 3 + [Processing.Finished]


def test_separate_channels_are_selected(drive20: Drive) -> None:
    answers = {"ServiceDetailReq": c20.details(ServiceId.DC_BPT, 1, BPT_CHANNEL=2)}
    for direction, channel in (("charge", "Charge"), ("discharge", "Discharge")):
        overrides = {"charging.bidirectional": True, "charging.direction": direction}
        (start, stop) = drive20(answers, overrides=overrides).charger.of(cm.PowerDeliveryReq)
        assert (start.bpt_channel_selection, stop.bpt_channel_selection) == (channel, None)


def test_the_meter_is_confirmed_when_the_charger_asks(drive20: Drive) -> None:
    answers = {"AC_ChargeLoopReq": [c20.ac_loop(EvseNotification.MeteringConfirmation), c20.ac_loop()]}
    run = drive20(answers, overrides=AC_ONLY)
    assert run.report.outcome == "ok"
    assert run.report.receipts == 1
    (request,) = run.charger.of(cm.MeteringConfirmationReq)
    data = request.signed_metering_data
    assert data.meter_info == c20.METER
    assert data.session_id == c.SESSION_ID
    assert data.scheduled_smdt_control_mode.selected_schedule_tuple_id == 7
    contract = run.store.chosen
    assert contract is not None
    signature = run.charger.header_of(cm.MeteringConfirmationReq).signature
    verify_metering_confirmation_req(signature, request, contract.key.public_key())


@pytest.mark.parametrize(
    ("notification", "stopped_by"),
    [(EvseNotification.Terminate, "charger_asked"), (EvseNotification.ExitStandby, "rounds")],
)
def test_what_the_charger_wants(drive20: Drive, notification: EvseNotification, stopped_by: str) -> None:
    run = drive20({"DC_ChargeLoopReq": c20.dc_loop(notification)}, overrides={"charging.rounds": 3})
    assert run.report.outcome == "ok"
    assert run.report.stopped_by == stopped_by


def test_schedule_renegotiation(drive20: Drive) -> None:
    answers = {"AC_ChargeLoopReq": [c20.ac_loop(EvseNotification.ScheduleRenegotiation), c20.ac_loop()]}
    run = drive20(answers, overrides=AC_ONLY | {"charging.rounds": 3})
    assert run.report.outcome == "ok"
    progress = [request.charge_progress for request in run.charger.of(cm.PowerDeliveryReq)]
    assert progress == ["Start", "ScheduleRenegotiation", "Start", "Stop"]
    assert run.report.renegotiations == 1
    assert run.charger.names.count("ScheduleExchangeReq") == 2


def test_endless_wishes_end_with_the_rounds(drive20: Drive) -> None:
    for notification in (EvseNotification.ScheduleRenegotiation, EvseNotification.ServiceRenegotiation):
        answers = {
            "PowerDeliveryReq": c20.power_delivery(notification),
            "AC_ChargeLoopReq": c20.ac_loop(notification),
        }
        run = drive20(answers, overrides=AC_ONLY | {"charging.rounds": 4})
        assert run.report.outcome == "ok", run.report.detail
        assert run.report.rounds == 4


def test_service_renegotiation(drive20: Drive) -> None:
    answers = {"DC_ChargeLoopReq": [c20.dc_loop(EvseNotification.ServiceRenegotiation), c20.dc_loop()]}
    run = drive20(answers, overrides={"charging.rounds": 3})
    assert run.report.outcome == "ok"
    stops = [request.charging_session for request in run.charger.of(cm.SessionStopReq)]
    assert stops == ["ServiceRenegotiation", "Terminate"]
    assert run.charger.names.count("ServiceSelectionReq") == 2
    assert run.charger.names.count("AuthorizationReq") == 1


def joined(charger: c.Charger, _request: Any) -> Any:
    """Join the session that the car names."""
    old = any(charger.headers[-1].session_id)
    code = ResponseCode.OK_OldSessionJoined if old else ResponseCode.OK_NewSessionEstablished
    return c20.session_setup(code)


def test_a_pause_and_the_return(drive20: Drive) -> None:
    run = drive20(
        {"SessionSetupReq": joined},
        overrides={"charging.rounds": 4, "charging.pause_after_rounds": 2, "charging.pause_s": 600.0},
    )
    report = run.report
    assert report.outcome == "ok", report.detail
    assert (report.pauses, report.resumed, report.rounds, report.stopped_by) == (1, True, 4, "rounds")
    assert run.took_s > 600
    stops = [request.charging_session for request in run.charger.of(cm.SessionStopReq)]
    assert stops == ["Pause", "Terminate"]
    again = [h for h in run.charger.headers if isinstance(h.body, cm.SessionSetupReq)][1]
    assert again.session_id == c.SESSION_ID
    offers = run.charger.of(appprotocol.SupportedAppProtocolReq)
    assert [len(offer.app_protocol) for offer in offers] == [3, 1]


def test_a_charger_that_has_forgotten_the_session(drive20: Drive) -> None:
    overrides = {"charging.rounds": 4, "charging.pause_after_rounds": 2}
    run = drive20(overrides=overrides)
    assert run.report.outcome == "ok"
    assert (run.report.pauses, run.report.resumed) == (1, False)


@pytest.mark.parametrize("bears", [0, 1, 3])
def test_a_charger_that_pauses_for_ever_is_left(drive20: Drive, bears: int) -> None:
    answers = {"DC_ChargeLoopReq": c20.dc_loop(EvseNotification.Pause), "SessionSetupReq": joined}
    run = drive20(answers, overrides={"charging.max_pauses": bears, "charging.rounds": 0})
    assert run.report.outcome == "ok"
    assert run.report.pauses == bears
    assert run.report.stopped_by == "charger_asked"


def test_a_charger_that_has_no_power_now(drive20: Drive) -> None:
    """GoToPause instead of a schedule: no power is switched on, the car comes back."""
    offer = c20.scheduled(c20.schedule_tuple(1, (600, 0), anchor=at()))
    offer.go_to_pause = True
    later = [offer, c20.schedule_exchange]
    run = drive20({"ScheduleExchangeReq": later, "SessionSetupReq": joined})
    assert run.report.outcome == "ok"
    assert run.report.pauses == 1
    assert run.charger.names.count("DC_CableCheckReq") == 1


def test_a_renegotiation_that_ends_in_a_pause(drive20: Drive) -> None:
    offer = c20.scheduled(c20.schedule_tuple(1, (600, 0), anchor=at()))
    offer.go_to_pause = True
    answers = {
        "ScheduleExchangeReq": [c20.schedule_exchange, offer, c20.schedule_exchange],
        "AC_ChargeLoopReq": [c20.ac_loop(EvseNotification.ScheduleRenegotiation), c20.ac_loop()],
        "SessionSetupReq": joined,
    }
    run = drive20(answers, overrides=AC_ONLY | {"charging.rounds": 3})
    assert run.report.outcome == "ok"
    assert run.report.pauses == 1
    progress = [request.charge_progress for request in run.charger.of(cm.PowerDeliveryReq)]
    assert progress == ["Start", "ScheduleRenegotiation", "Stop", "Start", "Stop"]


def test_a_charger_that_speaks_another_protocol_after_the_pause(drive20: Drive, world20: World20) -> None:
    """It comes back with TLS 1.2 only: the car begins anew in -2."""
    from v2g.net.tls import ServerTls

    holder: list[c.Charger] = []

    def older(charger: c.Charger, _request: Any) -> Any:
        charger.tls = ServerTls(world20.cpo.wire, world20.cpo.leaf.signing_key())
        charger.usual = c.USUAL
        charger.answers = {}
        return cm.SessionStopRes(**c20.OK)

    run = drive20(
        {"SessionStopReq": older},
        overrides={"charging.rounds": 4, "charging.pause_after_rounds": 2},
        prepare=holder.append,
    )
    assert run.report.outcome == "ok", run.report.detail
    assert (run.report.protocol, run.report.pauses, run.report.resumed) == ("iso2", 1, False)
    assert holder[0].headers[-1].session_id == c.SESSION_ID


def test_the_driver_returns_during_a_pause(drive20: Drive) -> None:
    run = drive20(
        {"SessionSetupReq": joined},
        overrides={"charging.rounds": 9, "charging.pause_after_rounds": 2, "charging.pause_s": 600.0},
        leave_after_s=100.0,
    )
    assert run.report.outcome == "ok"
    assert run.report.stopped_by == "driver"
    assert run.took_s == pytest.approx(100, abs=2)


def test_the_driver_leaves(drive20: Drive) -> None:
    run = drive20(overrides={"charging.rounds": 0}, leave_after_s=60.0)
    assert run.report.outcome == "ok"
    assert run.report.stopped_by == "driver"
    assert run.charger.names[-4:] == ["PowerDeliveryReq", *DC_AFTER, "SessionStopReq"]


def test_checking_in_and_out(drive20: Drive) -> None:
    run = drive20(overrides={"charging.check_in": True})
    names = run.charger.names
    assert names[1:5] == [
        "SessionSetupReq",
        "VehicleCheckInReq",
        "VehicleCheckInReq",
        "AuthorizationSetupReq",
    ]
    assert names[-3:] == ["VehicleCheckOutReq", "VehicleCheckOutReq", "SessionStopReq"]


@pytest.mark.parametrize("chunk_size", [1, 7])
def test_any_chunking_gives_the_same_session(drive20: Drive, chunk_size: int) -> None:
    run = drive20(chunk_size=chunk_size)
    assert run.report.outcome == "ok"
    names = [*SETUP, "CertificateInstallationReq", *SELECTING, *DC_BEFORE, *DC_LOOP, *DC_AFTER]
    assert run.charger.names == [*names, "SessionStopReq"]


def test_secrets_stay_out_of_the_trace(drive20: Drive) -> None:
    run = drive20()
    assert run.store.chosen is not None
    secret = f"{run.store.chosen.ecdsa_key.private_numbers().private_value:x}"
    assert secret not in repr(run.trace.records)
    assert "Iso20Identity in" in repr(run.vehicle.iso20)
