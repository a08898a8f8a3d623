"""DIN 70121 at the charger: every state and request, what handlers answer, and walks in any order."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exi.schema import XsdType
from secc.din import PROTOCOL
from secc.din.responses import RESPONSES
from secc.din.states import WHILE_POWER_FLOWS, State
from secc.station import Kind
from tests.secc.din import kit
from tests.secc.din.kit import EXAMPLES, STEPS, Desk
from tests.secc.kit import make_charger, on_mains
from v2g.messages import din
from v2g.messages.din import ResponseCode
from v2g.physical import number

PAIRS = [(state, request) for state in State for request in RESPONSES]
UNEXPECTED = [pair for pair in PAIRS if PROTOCOL.table.find(*pair) is None]
EXPECTED = [pair for pair in PAIRS if PROTOCOL.table.find(*pair) is not None]


def name(value: object) -> str:
    return str(value) if isinstance(value, State) else getattr(value, "__name__", "")


def in_state(state: State) -> Desk:
    """Return a session in a state, without the way to it."""
    desk = Desk()
    desk.session.state = state
    if state is not State.SESSION_SETUP:
        desk.context.session_id = b"\x01" * 8
        desk.context.take_outlet(Kind.DC)
    return desk


def test_the_way_of_a_car() -> None:
    desk = Desk()
    for state, step in STEPS:
        assert desk.state is state
        step(desk)
    assert desk.state is None
    assert {state for state, _ in STEPS} == set(State)


@pytest.mark.parametrize(("state", "request_class"), UNEXPECTED, ids=name)
def test_what_the_table_does_not_name_is_a_sequence_error(state: State, request_class: type[XsdType]) -> None:
    answer = in_state(state).send(EXAMPLES[request_class])
    assert answer.code == ResponseCode.FAILED_SequenceError
    assert answer.name == RESPONSES[request_class].__name__
    assert answer.ends


@pytest.mark.parametrize(("state", "request_class"), EXPECTED, ids=name)
def test_a_foreign_session_id(state: State, request_class: type[XsdType]) -> None:
    answer = in_state(state).send(EXAMPLES[request_class], session_id=b"\x02" * 8)
    new = state is State.SESSION_SETUP
    assert answer.code == (
        ResponseCode.OK_NewSessionEstablished if new else ResponseCode.FAILED_UnknownSession
    )


@pytest.mark.parametrize(
    ("state", "request_", "code"),
    [
        (State.SERVICE_SELECTION, kit.selection(2), ResponseCode.FAILED_ServiceSelectionInvalid),
        (
            State.SERVICE_SELECTION,
            kit.selection(1, din.PaymentOption.Contract),
            ResponseCode.FAILED_PaymentSelectionInvalid,
        ),
        (State.CHARGE_PARAMETERS, kit.parameters("DC_core"), ResponseCode.FAILED_WrongEnergyTransferType),
        (
            State.CHARGE_PARAMETERS,
            kit.parameters(found=kit.limits(100)),
            ResponseCode.FAILED_WrongChargeParameter,
        ),
        (State.PRE_CHARGE, kit.pre_charge(1000), ResponseCode.FAILED),
        (State.PRE_CHARGED, kit.delivery(schedule=2, power_w=1), ResponseCode.FAILED_TariffSelectionInvalid),
        (State.CURRENT_DEMAND, kit.current_demand(-1), ResponseCode.FAILED),
        (State.CHARGING_DC, kit.delivery(), ResponseCode.FAILED),
    ],
)
def test_refusals(state: State, request_: XsdType, code: ResponseCode) -> None:
    answer = Desk().reach(state).send(request_)
    assert (answer.code, answer.ends) == (code, True)


def test_the_profile_stays_inside_the_schedule() -> None:
    desk = Desk(make_charger({"dc.max_power_w": 20_000.0})).reach(State.PRE_CHARGED)
    assert desk.send(kit.delivery(power_w=20_001)).code == ResponseCode.FAILED_ChargingProfileInvalid


def test_too_early_to_close_the_contactors() -> None:
    desk = Desk().reach(State.PRE_CHARGE)
    desk.ask(kit.pre_charge())
    assert desk.send(kit.delivery()).code == ResponseCode.FAILED_EVSEPresentVoltageToLow


def test_power_beyond_sixteen_bits() -> None:
    desk = Desk().reach(State.CHARGE_PARAMETERS)
    response = desk.ask(kit.parameters())
    entry = response.sa_schedules.sa_schedule_tuple[0].p_max_schedule.p_max_schedule_entry[0]
    assert entry.p_max == 32_767
    assert number(response.evse_charge_parameter.evse_maximum_power_limit) == 150_000


def test_a_charger_that_stops_or_has_no_outlet() -> None:
    charger = make_charger()
    charger.stopping = True
    assert Desk(charger).send(kit.SETUP).code == ResponseCode.FAILED
    assert Desk(make_charger({"station.dc_outlets": 0})).send(kit.SETUP).code == ResponseCode.FAILED


def test_a_car_that_does_not_start() -> None:
    desk = Desk().reach(State.PRE_CHARGED)
    desk.ask(kit.delivery(ready=False))
    assert desk.state is State.WELDING_DETECTION


@st.composite
def bodies(draw: Any) -> XsdType:
    """Draw a request: often a sensible one, sometimes one that only fits its schema."""
    sensible: list[XsdType] = [
        kit.SETUP,
        din.ServiceDiscoveryReq(),
        kit.selection(draw(st.sampled_from([1, 1, 2]))),
        din.ContractAuthenticationReq(),
        kit.parameters(draw(st.sampled_from(["DC_extended", "DC_extended", "AC_three_phase_core"]))),
        kit.CABLE_CHECK,
        kit.pre_charge(draw(st.sampled_from([0, 380, 900]))),
        kit.delivery(ready=draw(st.booleans()), schedule=draw(st.sampled_from([1, 2])), power_w=10_000),
        kit.current_demand(draw(st.sampled_from([0, 50, 500]))),
        kit.WELDING,
        kit.STOP,
    ]
    if draw(st.integers(0, 3)):
        return draw(st.sampled_from(sensible))  # type: ignore[no-any-return]
    return EXAMPLES[draw(st.sampled_from(sorted(RESPONSES, key=lambda r: r.__name__)))]


@given(
    st.lists(st.tuples(bodies(), st.booleans(), st.sampled_from([0.0, 0.0, 1.0, 3.0, 40.0])), max_size=25),
    st.sampled_from([state for state, _ in STEPS]),
)
@settings(max_examples=300, deadline=None)
def test_walks_from_any_state(steps: list[tuple[XsdType, bool, float]], start: State) -> None:
    """Never a crash, never an OK where the table says no, power only where the table says so."""
    desk = Desk().reach(start)
    for body, foreign, wait_s in steps:
        desk.wait(wait_s)
        state = desk.session.state
        if state is None:
            break
        answer = desk.send(body, session_id=b"\xee" * 8 if foreign else None)
        row = PROTOCOL.table.find(state, type(body))
        assert answer.name == RESPONSES[type(body)].__name__
        if row is None:
            assert answer.code == ResponseCode.FAILED_SequenceError
        elif foreign and state is not State.SESSION_SETUP:
            assert answer.code == ResponseCode.FAILED_UnknownSession
        assert answer.ends == (desk.session.state is None)
        if answer.refused:
            assert answer.code.startswith("FAILED")
            assert answer.ends
        else:
            assert row is not None
            assert desk.session.state in {to.state for to in row.to}
        if not answer.ends:
            outlet = desk.context.outlet
            assert (outlet is not None and on_mains(outlet)) == (desk.session.state in WHILE_POWER_FLOWS)
    assert desk.context.release() is None
    assert not any(on_mains(outlet) for outlet in desk.charger.station.outlets)
