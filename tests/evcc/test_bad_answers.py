"""A charger that misbehaves: every answer leads to a named reason and an orderly end, never to a crash."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcc.config import Payment
from tests.evcc import charger as c
from tests.evcc.conftest import Drive
from tests.evcc.material import World
from tests.evcc.scenario import Run
from v2g.messages import iso2
from v2g.messages.iso2 import EnergyTransferMode, PaymentOption, ResponseCode, UnitSymbol
from v2g.net.simulated import Fate, Piece

REQUESTS = (
    "SessionSetupReq",
    "ServiceDiscoveryReq",
    "ServiceDetailReq",
    "PaymentServiceSelectionReq",
    "PaymentDetailsReq",
    "AuthorizationReq",
    "ChargeParameterDiscoveryReq",
    "PowerDeliveryReq",
    "ChargingStatusReq",
    "SessionStopReq",
)
WITH_SUPPORTED_APP_PROTOCOL = ("SupportedAppProtocolReq", *REQUESTS)


def usual(name: str) -> Any:
    answer = c.USUAL[name](None, None)  # type: ignore[arg-type]  # these answers look at neither
    return msgspec.structs.replace(answer)


def ended(run: Run, last: str, reason: str, exit_code: int) -> None:
    assert (run.report.reason, run.report.exit_code) == (reason, exit_code), run.report.detail
    assert run.report.detail
    assert run.charger.names[-1] == last
    assert run.events("error")[0]["detail"] == run.report.detail
    assert run.events("session.ended")[0]["outcome"] == run.report.outcome


@pytest.mark.parametrize("request_name", REQUESTS)
def test_failed_ends_the_session(drive: Drive, request_name: str) -> None:
    answer = usual(request_name)
    answer.response_code = ResponseCode.FAILED_SequenceError
    run = drive({request_name: answer})
    ended(run, request_name, "response_code.FAILED_SequenceError", 7)
    assert run.charger.closed_by_car


@pytest.mark.parametrize("request_name", REQUESTS)
def test_another_session_id(drive: Drive, request_name: str) -> None:
    other = c.wrapped(
        usual(request_name), session_id=b"\x00" if request_name == "SessionSetupReq" else b"\x01" * 8
    )
    run = drive({request_name: other})
    ended(run, request_name, "protocol.violation", 8)
    assert "SessionID" in run.report.detail


def test_failed_counts_more_than_the_session_id(drive: Drive) -> None:
    """FAILED_UnknownSession comes with an id that the car does not know."""
    answer = usual("ServiceDiscoveryReq")
    answer.response_code = ResponseCode.FAILED_UnknownSession
    run = drive({"ServiceDiscoveryReq": c.wrapped(answer, session_id=b"\x00")})
    assert run.report.reason == "response_code.FAILED_UnknownSession"


@pytest.mark.parametrize("request_name", REQUESTS)
def test_another_message(drive: Drive, request_name: str) -> None:
    wrong = usual("SessionStopReq" if request_name != "SessionStopReq" else "ServiceDiscoveryReq")
    run = drive({request_name: wrong})
    ended(run, request_name, "protocol.unexpected_message", 8)


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_request_or_nothing_for_a_response(drive: Drive, request_name: str) -> None:
    ended(drive({request_name: iso2.ChargingStatusReq()}), request_name, "protocol.unexpected_message", 8)
    empty = iso2.V2G_Message(header=iso2.MessageHeader(session_id=c.SESSION_ID), body=iso2.Body())
    ended(drive({request_name: empty}), request_name, "protocol.unexpected_message", 8)


@pytest.mark.parametrize("request_name", WITH_SUPPORTED_APP_PROTOCOL)
@pytest.mark.parametrize("payload", [b"\x00", b"\xff" * 40, b"\x80", bytes(64), b"<?xml version='1.0'?>"])
def test_payloads_that_are_no_messages(drive: Drive, request_name: str, payload: bytes) -> None:
    run = drive({request_name: c.Payload(payload)})
    ended(run, request_name, "protocol.undecodable_message", 8)
    (rejected,) = run.events("message.rejected")
    assert rejected["reason"]


@pytest.mark.parametrize("request_name", WITH_SUPPORTED_APP_PROTOCOL)
def test_the_charger_hangs_up(drive: Drive, request_name: str) -> None:
    run = drive({request_name: c.Close})
    ended(run, request_name, "connection_lost", 9)
    (closed,) = run.events("tcp.closed")
    assert closed["by"] == "peer"


@pytest.mark.parametrize("request_name", WITH_SUPPORTED_APP_PROTOCOL)
def test_half_a_frame_and_then_nothing(drive: Drive, request_name: str) -> None:
    run = drive({request_name: c.Raw(b"\x01\xfe\x80\x01\x00\x00\x00\x20half")})
    assert run.report.exit_code == 6
    assert run.report.reason.startswith("timeout.V2G_EVCC_Msg_Timeout")


def test_the_connection_is_reset(drive: Drive) -> None:
    def cut(piece: Piece) -> Fate:
        return Fate(close=not piece.to_listener and piece.number == 3)

    run = drive(fault=cut)
    assert (run.report.reason, run.report.exit_code) == ("connection_lost", 9)


@pytest.mark.parametrize(
    "header",
    [b"\x02\xfd\x80\x01\x00\x00\x00\x01\x80", b"\x01\xfe\x80\x01\x7f\xff\xff\xff", b"GET / HTTP/1.1\r\n\r\n"],
)
def test_frames_that_are_none(drive: Drive, header: bytes) -> None:
    """Ignored as the standard has it, or the end; in any case the car gives up in time and says why."""
    run = drive({"ServiceDiscoveryReq": c.Raw(header)})
    assert run.report.exit_code in {6, 8}
    assert run.events("message.rejected")
    assert run.took_s <= 2


def test_no_common_protocol(drive: Drive) -> None:
    refusal = c.negotiated("Failed_NoNegotiation", None)
    run = drive({"SupportedAppProtocolReq": refusal})
    ended(run, "SupportedAppProtocolReq", "response_code.Failed_NoNegotiation", 7)


@pytest.mark.parametrize("schema_id", [None, 0, 2, 255])
def test_a_protocol_that_was_not_offered(drive: Drive, schema_id: int | None) -> None:
    run = drive({"SupportedAppProtocolReq": c.negotiated(schema_id=schema_id)})
    ended(run, "SupportedAppProtocolReq", "protocol.violation", 8)


def test_a_minor_deviation_is_accepted(drive: Drive) -> None:
    answer = c.negotiated("OK_SuccessfulNegotiationWithMinorDeviation")
    assert drive({"SupportedAppProtocolReq": answer}).report.outcome == "ok"


def test_an_old_session_cannot_be_joined(drive: Drive) -> None:
    run = drive({"SessionSetupReq": c.session_setup(ResponseCode.OK_OldSessionJoined)})
    ended(run, "SessionSetupReq", "protocol.violation", 8)


@pytest.mark.parametrize("session_id", [b"", b"\x00", bytes(8)])
def test_a_session_needs_an_id(drive: Drive, session_id: bytes) -> None:
    run = drive({"SessionSetupReq": c.wrapped(c.session_setup(), session_id=session_id)})
    ended(run, "SessionSetupReq", "protocol.violation", 8)


@pytest.mark.parametrize(
    ("offer", "payment", "what"),
    [
        (c.services(options=(PaymentOption.ExternalPayment,)), Payment.CONTRACT, "payment by Contract"),
        (c.services(options=(PaymentOption.Contract,)), Payment.EXTERNAL, "payment by ExternalPayment"),
        (c.services(installation=False), Payment.CONTRACT, "certificate installation"),
        (c.services(modes=(EnergyTransferMode.DC_core,)), Payment.EXTERNAL, "AC_three_phase_core"),
    ],
)
def test_what_is_needed_is_not_offered(
    drive: Drive, offer: iso2.ServiceDiscoveryRes, payment: Payment, what: str
) -> None:
    run = drive({"ServiceDiscoveryReq": offer}, payment=payment)
    ended(run, "ServiceDiscoveryReq", "not_offered", 11)
    assert what in run.report.detail


def test_only_updates_of_certificates(drive: Drive) -> None:
    run = drive({"ServiceDetailReq": c.service_detail(2)})
    ended(run, "ServiceDetailReq", "not_offered", 11)


def test_details_of_another_service(drive: Drive) -> None:
    run = drive({"ServiceDetailReq": c.service_detail(1, service_id=3)})
    ended(run, "ServiceDetailReq", "protocol.violation", 8)


PARAMETERS = c.charge_parameters()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (c.charge_parameters(schedules=False), "SAScheduleList"),
        (c.charge_parameters(voltage=c.watts(230)), "EVSENominalVoltage is in W"),
        (c.charge_parameters(current=c.amperes(-1)), "EVSEMaxCurrent is negative"),
        (c.charge_parameters(entries=((0, c.amperes(5)),)), "PMax is in A"),
        (c.charge_parameters(entries=((60, c.watts(5)), (0, c.watts(5)))), "order of their starts"),
        (
            msgspec.structs.replace(
                PARAMETERS,
                evse_charge_parameter=iso2.DC_EVSEChargeParameter(
                    dc_evse_status=iso2.DC_EVSEStatus(
                        notification_max_delay=0,
                        evse_notification=iso2.EVSENotification.None_,
                        evse_status_code=iso2.DC_EVSEStatusCode.EVSE_Ready,
                    ),
                    evse_maximum_current_limit=c.amperes(1),
                    evse_maximum_power_limit=c.watts(1),
                    evse_maximum_voltage_limit=c.volts(1),
                    evse_minimum_current_limit=c.amperes(1),
                    evse_minimum_voltage_limit=c.volts(1),
                    evse_peak_current_ripple=c.amperes(1),
                ),
            ),
            "DC_EVSEChargeParameter",
        ),
    ],
)
def test_charge_parameters_that_make_no_sense(drive: Drive, answer: Any, words: str) -> None:
    run = drive({"ChargeParameterDiscoveryReq": answer})
    ended(run, "ChargeParameterDiscoveryReq", "protocol.violation", 8)
    assert words in run.report.detail


def test_a_receipt_without_a_contract(drive: Drive) -> None:
    run = drive({"ChargingStatusReq": c.charging_status(receipt=True)}, payment=Payment.EXTERNAL)
    ended(run, "ChargingStatusReq", "protocol.violation", 8)


def test_a_receipt_without_a_meter(drive: Drive) -> None:
    run = drive({"ChargingStatusReq": c.charging_status(receipt=True, meter=False)})
    ended(run, "ChargingStatusReq", "protocol.violation", 8)


def test_a_receipt_that_is_refused(drive: Drive) -> None:
    answer = c.metering_receipt()
    answer.response_code = ResponseCode.FAILED_MeteringSignatureNotValid
    run = drive({"ChargingStatusReq": c.charging_status(receipt=True), "MeteringReceiptReq": answer})
    ended(run, "MeteringReceiptReq", "response_code.FAILED_MeteringSignatureNotValid", 7)


def test_energy_taken_before_a_failure_is_reported(drive: Drive) -> None:
    run = drive(
        {"ChargingStatusReq": [c.charging_status()] * 3 + [c.Close]},
        overrides={"charging.interval_s": 36.0, "charging.rounds": 9},
    )
    assert run.report.exit_code == 9
    assert run.report.energy_wh == pytest.approx(2 * 110, rel=0.01)


# --- any bytes, any values ----------------------------------------------------------------------------------

NAMED = {0, 6, 7, 8, 9, 10, 11}
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.builds(
    iso2.PhysicalValue,
    multiplier=st.integers(-3, 3),
    unit=st.sampled_from(UnitSymbol),
    value=st.integers(-32768, 32767),
)
statuses = st.builds(
    iso2.AC_EVSEStatus,
    notification_max_delay=st.integers(0, 65535),
    evse_notification=st.sampled_from(iso2.EVSENotification),
    rcd=st.booleans(),
)
meters = st.builds(
    iso2.MeterInfo,
    meter_id=st.text(max_size=32),
    meter_reading=st.none() | st.integers(0, 2**64 - 1),
    sig_meter_reading=st.none() | st.binary(max_size=64),
    meter_status=st.none() | st.integers(-32768, 32767),
    t_meter=st.none() | st.integers(-(2**63), 2**63 - 1),
)
codes = st.sampled_from(ResponseCode)
good_codes = st.sampled_from([code for code in ResponseCode if code.startswith("OK")])


@QUIET
@given(
    payload=st.binary(min_size=1, max_size=200), number=st.integers(0, len(WITH_SUPPORTED_APP_PROTOCOL) - 1)
)
def test_any_payload(drive: Drive, payload: bytes, number: int) -> None:
    run = drive({WITH_SUPPORTED_APP_PROTOCOL[number]: c.Payload(payload)})
    assert run.report.exit_code in NAMED


@QUIET
@given(data=st.binary(min_size=1, max_size=200), number=st.integers(0, len(WITH_SUPPORTED_APP_PROTOCOL) - 1))
def test_any_bytes(drive: Drive, data: bytes, number: int) -> None:
    run = drive({WITH_SUPPORTED_APP_PROTOCOL[number]: c.Raw(data)})
    assert run.report.exit_code in NAMED


@QUIET
@given(
    voltage=numbers,
    current=numbers,
    powers=st.lists(st.tuples(st.integers(0, 90_000), numbers), min_size=1, max_size=30),
)
def test_any_charge_parameters(
    drive: Drive, voltage: iso2.PhysicalValue, current: iso2.PhysicalValue, powers: list[Any]
) -> None:
    answer = c.charge_parameters(voltage=voltage, current=current, entries=tuple(powers))
    run = drive({"ChargeParameterDiscoveryReq": answer}, payment=Payment.EXTERNAL)
    assert run.report.exit_code in NAMED
    assert run.report.energy_wh >= 0


@QUIET
@given(
    rounds=st.lists(
        st.builds(
            iso2.ChargingStatusRes,
            response_code=good_codes,
            evse_id=st.just(c.EVSE_ID),
            sa_schedule_tuple_id=st.integers(1, 255),
            evse_max_current=st.none() | numbers,
            meter_info=st.none() | meters,
            receipt_required=st.none() | st.booleans(),
            ac_evse_status=statuses,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_charging_status(drive: Drive, rounds: list[iso2.ChargingStatusRes]) -> None:
    run = drive({"ChargingStatusReq": list(rounds)}, overrides={"charging.rounds": 8})
    assert run.report.exit_code in NAMED
    assert run.report.rounds <= 8


@QUIET
@given(
    position=st.integers(0, 10_000),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_in_a_bundle(drive: Drive, world: World, position: int, bit: int) -> None:
    """Signed or not, a bundle with one bit changed is either found out or still a contract that works."""
    from tests.evcc.bundle import usual as usual_bundle

    payload = bytearray(c.encoded(usual_bundle(world).message()))
    payload[position % len(payload)] ^= 1 << bit
    run = drive({"CertificateInstallationReq": c.Payload(bytes(payload))})
    assert run.report.exit_code in NAMED
    if run.report.exit_code == 0 and run.report.contract_installed:
        chosen = run.store.chosen
        assert chosen is not None
        assert chosen.key.public_key() == chosen.certificate.public_key()
    for contract in run.store.contracts:
        run.store.remove(contract.emaid)
