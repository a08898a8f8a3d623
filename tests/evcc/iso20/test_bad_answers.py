"""A -20 charger that misbehaves: a named reason and an orderly end, never a crash, never a hang."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evcc.config import Payment
from tests.evcc import charger as c
from tests.evcc import charger20 as c20
from tests.evcc.bundle20 import placeholders, usual20
from tests.evcc.conftest import Drive
from tests.evcc.material20 import World20
from tests.evcc.scenario import Run
from v2g.messages.iso20 import ac
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import (
    EvseNotification,
    EVSEStatus,
    MessageHeader,
    RationalNumber,
    ResponseCode,
)
from v2g.protocols import UNSENT
from v2g.services import ServiceId

AC: dict[str, Any] = {"protocols": ["iso20-ac"]}
REQUESTS = tuple(
    name
    for name in c20.USUAL20
    if name
    not in {
        "SupportedAppProtocolReq",
        "VehicleCheckInReq",
        "VehicleCheckOutReq",
        "MeteringConfirmationReq",
        "AC_ChargeParameterDiscoveryReq",
        "AC_ChargeLoopReq",
    }
)


def changed(name: str, **fields: Any) -> Callable[[c.Charger, Any], Any]:
    """The usual answer with some fields replaced."""

    def answer(charger: c.Charger, request: Any) -> Any:
        usual = c20.USUAL20[name](charger, request)
        if isinstance(usual, c.Signed):
            return c.Signed(msgspec.structs.replace(usual.body, **fields), usual.signature)
        return msgspec.structs.replace(usual, **fields)

    return answer


def ended(run: Run, last: str, reason: str, exit_code: int) -> None:
    assert (run.report.reason, run.report.exit_code) == (reason, exit_code), run.report.detail
    assert run.report.detail
    assert run.charger.names[-1] == last
    assert run.events("session.ended")[0]["outcome"] == run.report.outcome


@pytest.mark.parametrize("name", REQUESTS)
def test_failed_ends_the_session(drive20: Drive, name: str) -> None:
    answer = changed(name, response_code=ResponseCode.FAILED)
    if name == "CertificateInstallationReq":
        run = drive20({name: placeholders(ResponseCode.FAILED)})
    else:
        run = drive20({name: answer})
    ended(run, name, "response_code.FAILED", 7)
    assert run.charger.closed_by_car


@pytest.mark.parametrize("name", REQUESTS)
def test_another_session_id(drive20: Drive, name: str) -> None:
    header = MessageHeader(session_id=bytes(8) if name == "SessionSetupReq" else b"\x01" * 8, time_stamp=1)
    ended(drive20({name: changed_header(name, header)}), name, "protocol.violation", 8)


def changed_header(name: str, header: MessageHeader) -> Callable[[c.Charger, Any], Any]:
    def answer(charger: c.Charger, request: Any) -> Any:
        usual = c20.USUAL20[name](charger, request)
        body = usual.body if isinstance(usual, c.Signed) else usual
        return msgspec.structs.replace(body, header=header)

    return answer


@pytest.mark.parametrize("name", REQUESTS)
def test_another_message(drive20: Drive, name: str) -> None:
    wrong = "SessionStopReq" if name != "SessionStopReq" else "AuthorizationSetupReq"
    ended(drive20({name: c20.USUAL20[wrong]}), name, "protocol.unexpected_message", 8)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("payload", [b"\x00", b"\xff" * 40, b"\x80", bytes(64)])
def test_payloads_that_are_no_messages(drive20: Drive, name: str, payload: bytes) -> None:
    ended(drive20({name: c.Payload(payload)}), name, "protocol.undecodable_message", 8)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_charger_hangs_up(drive20: Drive, name: str) -> None:
    ended(drive20({name: c.Close}), name, "connection_lost", 9)


def test_a_root_that_is_no_message(drive20: Drive, world20: World20) -> None:
    data = usual20(world20).body().signed_installation_data
    run = drive20({"AuthorizationSetupReq": data})
    ended(run, "AuthorizationSetupReq", "protocol.undecodable_message", 8)


def test_an_old_session_cannot_be_joined(drive20: Drive) -> None:
    run = drive20({"SessionSetupReq": c20.session_setup(ResponseCode.OK_OldSessionJoined)})
    ended(run, "SessionSetupReq", "protocol.violation", 8)


@pytest.mark.parametrize(
    ("setup", "payment", "what"),
    [
        (c20.authorization_setup(cm.Authorization.EIM), Payment.CONTRACT, "payment by contract"),
        (c20.authorization_setup(cm.Authorization.PnC), Payment.EXTERNAL, "external payment"),
        (c20.authorization_setup(installation=False), Payment.CONTRACT, "certificate installation"),
    ],
)
def test_what_is_needed_is_not_offered(drive20: Drive, setup: Any, payment: Payment, what: str) -> None:
    run = drive20({"AuthorizationSetupReq": setup}, payment=payment)
    ended(run, "AuthorizationSetupReq", "not_offered", 11)
    assert what in run.report.detail


def test_a_contract_without_a_challenge(drive20: Drive) -> None:
    setup = c20.authorization_setup(challenge=None)
    run = drive20({"AuthorizationSetupReq": setup})
    assert run.report.reason == "protocol.violation"
    assert "challenge" in run.report.detail


def test_details_of_another_service(drive20: Drive) -> None:
    run = drive20({"ServiceDetailReq": c20.details(ServiceId.WPT, 1, 2)})
    ended(run, "ServiceDetailReq", "protocol.violation", 8)


def ac_answer(_charger: c.Charger, _request: Any) -> Any:
    return ac.AC_ChargeLoopRes(**c20.OK, cl_res_control_mode=ac.Scheduled_AC_CLResControlMode())


@pytest.mark.parametrize(
    ("answers", "overrides", "words"),
    [
        (
            {"AC_ChargeParameterDiscoveryReq": c20.ac_limits(bidirectional=False)},
            AC | {"charging.bidirectional": True},
            "no limits of discharging",
        ),
        (
            {"DC_ChargeParameterDiscoveryReq": c20.dc_limits(bidirectional=False)},
            {"charging.bidirectional": True},
            "no limits of discharging",
        ),
        ({"AC_ChargeParameterDiscoveryReq": c20.ac_limits(-1)}, AC, "EVSEMaximumChargePower is negative"),
        ({"DC_ChargeParameterDiscoveryReq": c20.dc_limits(most_a=-1)}, {}, "Current is negative"),
        ({"DC_ChargeLoopReq": c20.dc_loop(voltage_v=-5)}, {}, "EVSEPresentVoltage is negative"),
        ({"AC_ChargeLoopReq": ac_answer}, AC | {"charging.control": "dynamic"}, "in dynamic control"),
        (
            {"ScheduleExchangeReq": c20.scheduled(c20.schedule_tuple(1, (600, -5), anchor=0))},
            {},
            "power below zero",
        ),
        (
            {"ScheduleExchangeReq": c20.scheduled(c20.schedule_tuple(1, (600, 5), anchor=0))},
            {"charging.control": "dynamic"},
            "no Dynamic_SEResControlMode",
        ),
    ],
)
def test_parameters_that_make_no_sense(
    drive20: Drive, answers: dict[str, Any], overrides: dict[str, Any], words: str
) -> None:
    run = drive20(answers, overrides=overrides)
    assert (run.report.reason, run.report.exit_code) == ("protocol.violation", 8), run.report.detail
    assert words in run.report.detail


def test_a_confirmation_without_a_contract_or_a_meter(drive20: Drive) -> None:
    asks = {"AC_ChargeLoopReq": c20.ac_loop(EvseNotification.MeteringConfirmation, meter=True)}
    run = drive20(asks, overrides=AC, payment=Payment.EXTERNAL)
    ended(run, "AC_ChargeLoopReq", "protocol.violation", 8)

    def silent(charger: c.Charger, request: Any) -> Any:
        answer = c20.ac_loop(EvseNotification.MeteringConfirmation)(charger, request)
        answer.meter_info = None
        return answer

    ended(drive20({"AC_ChargeLoopReq": silent}, overrides=AC), "AC_ChargeLoopReq", "protocol.violation", 8)


# --- any bytes, any values, any order ------------------------------------------------------------------------

NAMED = {0, 6, 7, 8, 9, 10, 11, 12}
QUIET = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

numbers = st.builds(RationalNumber, exponent=st.integers(-128, 127), value=st.integers(-32768, 32767))
small = st.builds(RationalNumber, exponent=st.integers(-3, 3), value=st.integers(0, 32767))
statuses = st.none() | st.builds(
    EVSEStatus,
    notification_max_delay=st.integers(0, 65535),
    evse_notification=st.sampled_from(EvseNotification),
)
codes = st.sampled_from([code for code in ResponseCode if not code.startswith("FAILED")])


@QUIET
@given(payload=st.binary(min_size=1, max_size=200), name=st.sampled_from(REQUESTS))
def test_any_payload(drive20: Drive, payload: bytes, name: str) -> None:
    assert drive20({name: c.Payload(payload)}).report.exit_code in NAMED


entries = st.lists(st.tuples(st.integers(0, 2**32 - 1), numbers), min_size=1, max_size=6)


def any_schedule(number: int, anchor: int, found: list[Any], fees: list[Any], more: Any) -> cm.ScheduleTuple:
    stacks = [
        cm.PriceRuleStack(
            duration=duration, price_rule=[cm.PriceRule(energy_fee=fee, power_range_start=start)]
        )
        for duration, fee, start in fees
    ]
    prices = cm.AbsolutePriceSchedule(
        time_anchor=anchor,
        price_schedule_id=1,
        currency="EUR",
        language="eng",
        price_algorithm="1-Power",
        minimum_cost=more,
        price_rule_stacks=cm.PriceRuleStackList(price_rule_stack=stacks),
    )
    schedule = cm.PowerSchedule(
        time_anchor=anchor,
        power_schedule_entries=cm.PowerScheduleEntryList(
            power_schedule_entry=[cm.PowerScheduleEntry(duration=d, power=p) for d, p in found]
        ),
    )
    return cm.ScheduleTuple(
        schedule_tuple_id=number,
        charging_schedule=cm.ChargingSchedule(power_schedule=schedule, absolute_price_schedule=prices),
        discharging_schedule=cm.ChargingSchedule(power_schedule=schedule),
    )


@QUIET
@given(
    tuples=st.lists(
        st.builds(
            any_schedule,
            st.integers(1, 2**32 - 1),
            st.integers(0, 2**64 - 1),
            entries,
            st.lists(st.tuples(st.integers(0, 2**32 - 1), numbers, numbers), min_size=1, max_size=4),
            st.none() | numbers,
        ),
        min_size=1,
        max_size=3,
    ),
    overrides=st.sampled_from([{}, AC, {"charging.bidirectional": True, "charging.direction": "discharge"}]),
)
def test_any_schedule(drive20: Drive, tuples: list[cm.ScheduleTuple], overrides: dict[str, Any]) -> None:
    run = drive20({"ScheduleExchangeReq": c20.scheduled(*tuples)}, overrides=overrides)
    assert run.report.exit_code in NAMED
    assert run.report.energy_wh >= 0
    assert run.report.discharged_wh >= 0


def any_limits(most_w: RationalNumber, most_a: RationalNumber, most_v: RationalNumber) -> Any:
    answer = c20.dc_limits()
    mode = answer.dc_cpd_res_energy_transfer_mode
    mode.evse_maximum_charge_power = most_w
    mode.evse_maximum_charge_current = most_a
    mode.evse_maximum_voltage = most_v
    return answer


@QUIET
@given(limits=st.builds(any_limits, numbers, numbers, numbers))
def test_any_limits(drive20: Drive, limits: Any) -> None:
    assert drive20({"DC_ChargeParameterDiscoveryReq": limits}).report.exit_code in NAMED


def any_dc_round(code: Any, status: Any, current: Any, voltage: Any, limit: Any) -> Any:
    def answer(charger: c.Charger, request: Any) -> Any:
        usual: Any = c20.dc_loop()(charger, request)
        usual.response_code = code
        usual.evse_status = status
        usual.evse_present_current = current
        usual.evse_present_voltage = voltage
        usual.cl_res_control_mode.evse_maximum_charge_power = limit
        return usual

    return answer


@QUIET
@given(
    rounds=st.lists(
        st.builds(any_dc_round, codes, statuses, numbers, small | numbers, small), min_size=1, max_size=6
    ),
    control=st.sampled_from(["scheduled", "dynamic"]),
    bidirectional=st.booleans(),
)
def test_any_dc_round(drive20: Drive, rounds: list[Any], control: str, bidirectional: bool) -> None:
    overrides = {
        "charging.control": control,
        "charging.bidirectional": bidirectional,
        "charging.rounds": 8,
        "charging.pause_s": 1.0,
    }
    run = drive20({"DC_ChargeLoopReq": list(rounds)}, overrides=overrides)
    assert run.report.exit_code in NAMED
    assert run.report.rounds <= 8
    assert 0 <= run.report.soc_percent <= 100


WALKED = tuple(name for name in c20.USUAL20 if name != "SupportedAppProtocolReq")


@settings(QUIET, max_examples=60)
@given(
    swaps=st.dictionaries(st.sampled_from(WALKED), st.sampled_from(WALKED), max_size=4),
    codes=st.dictionaries(st.sampled_from(WALKED), codes, max_size=4),
    overrides=st.sampled_from([{}, AC, {"charging.control": "dynamic"}]),
)
def test_random_walks(
    drive20: Drive, swaps: dict[str, str], codes: dict[str, ResponseCode], overrides: dict[str, Any]
) -> None:
    """Answers of other requests, and any code that is not FAILED: the car ends, and says why."""

    def answer(name: str) -> Callable[[c.Charger, Any], Any]:
        source = swaps.get(name, name)

        def walk(charger: c.Charger, request: Any) -> Any:
            try:
                made = c20.USUAL20[source](charger, request)
            except AttributeError:  # this answer looks at its own request, which is another one here
                made = cm.SessionStopRes(header=UNSENT, response_code=ResponseCode.OK)
            if name in codes and not isinstance(made, c.Signed):
                made = msgspec.structs.replace(made, response_code=codes[name])
            return made

        return walk

    answers = {name: answer(name) for name in WALKED}
    run = drive20(answers, overrides={"charging.pause_s": 1.0} | overrides)
    assert run.report.exit_code in NAMED
    if run.report.exit_code:
        assert run.report.reason


@settings(QUIET, max_examples=30)
@given(position=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_in_a_bundle(drive20: Drive, world20: World20, position: int, bit: int) -> None:
    """A bundle with one bit changed is either found out or still a contract that works."""
    import exi
    from v2g.messages import iso20
    from v2g.protocols import ISO20_DC

    signed = usual20(world20).signed()
    message = ISO20_DC.wrap(c.SESSION_ID, signed.body, signed.signature, 1)
    payload = bytearray(exi.encode(message, iso20.COMMON_MESSAGES))
    payload[position % len(payload)] ^= 1 << bit
    run = drive20({"CertificateInstallationReq": [c.Payload(bytes(payload)), c.Close]})
    assert run.report.exit_code in NAMED
    for contract in run.store.contracts:
        assert contract.key.public_key() == contract.certificate.public_key()
        run.store.remove(contract.emaid)
