"""Any car may send anything in any order: never a crash, never an OK where the table says no, never a hang."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.schema import XsdType
from secc.errors import BundleError, BundleFailure
from secc.iso20 import AC, ACDP, DC, WPT
from secc.iso20.responses import RESPONSES
from secc.iso20.states import WHILE_POWER_FLOWS, State
from secc.protocol import Protocol
from tests.secc.iso20 import kit, messages, road
from tests.secc.iso20.kit import Desk, make_charger
from tests.secc.iso20.market import EMAIDS, market20
from v2g.errors import ConnectionClosedError
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.net.virtual import run_virtual
from v2g.timing import SEQUENCE_TIMEOUT_S, TCP_CLOSE_S
from v2g.v2gtp import encode_frame

SESSION_IDS = st.sampled_from(["own", "own", "own", "own", "own", "zero", "foreign"])
KEYS = st.sampled_from(["none", "car", "contract"])
OUTCOMES = st.sampled_from(
    [None, None, "away", (b"",), (b"\x80junk",), *(BundleError(kind, "x") for kind in BundleFailure)]
)
CHANGES = st.sampled_from(
    [
        {},
        {"external.rounds": 1, "schedule.rounds": 1},
        {"schedule.standby": False, "schedule.renegotiation": False},
        {"station.bidirectional": False, "pause.allow": False},
        {"schedule.discharge_w": 5000.0, "station.receipt_every": 1, "wishes.pause_after": 1},
        {"schedule.power_tolerance_w": 100.0, "payment.external": False},
    ]
)


@st.composite
def requests(draw: Any, protocol: Protocol) -> XsdType:
    """Draw a request: often a sensible one, sometimes one that only fits its schema."""
    if not draw(st.integers(0, 3)):
        return messages.example(draw(st.sampled_from(messages.requests_of(protocol))))
    dynamic, both = draw(st.booleans()), draw(st.booleans())
    watts = draw(st.sampled_from([-5e3, 0.0, 4e3, 9e3, 1e9]))
    processing = draw(st.sampled_from(Processing))
    given_profile = draw(
        st.sampled_from([None, messages.profile(), messages.profile(1e6), messages.profile(dynamic=True)])
    )
    common: list[XsdType] = [
        messages.setup(),
        messages.authorization_setup(),
        messages.externally(),
        messages.by_contract(bytes(16)),
        market20().installation_request(draw(st.integers(0, 9)), EMAIDS[: draw(st.integers(0, 3))]),
        market20().installation_request(),
        messages.discovery(*draw(st.lists(st.integers(1, 7), max_size=3))),
        messages.detail(draw(st.integers(0, 8))),
        messages.selection(draw(st.integers(1, 7)), draw(st.integers(1, 2))),
        messages.selection(5 if both else 1, 2 if dynamic else 1),
        messages.schedule(dynamic=dynamic),
        messages.delivery(draw(st.sampled_from(cm.ChargeProgress)), given_profile, processing),
        messages.delivery(given=given_profile),
        messages.stop(draw(st.sampled_from(cm.ChargingSession))),
    ]
    if protocol.key == AC.key:
        common += [
            messages.ac_parameters(11e3, both_ways=both, per_phase=draw(st.booleans())),
            messages.ac_loop(watts, dynamic=dynamic, both_ways=both),
        ] * 3
    elif protocol.key == DC.key:
        common += [
            messages.dc_parameters(both_ways=both),
            messages.cable_check(),
            messages.pre_charge(draw(st.sampled_from([-1.0, 0.0, 380.0, 1e9])), processing),
            messages.dc_loop(
                watts / 100,
                draw(st.sampled_from([-1.0, 0.0, 400.0, 1e6])),
                present_v=draw(st.sampled_from([-400.0, 0.0, 0.001, 380.0, 1e9])),
                dynamic=dynamic,
                both_ways=both,
            ),
            messages.welding(processing),
        ] * 2
    return draw(st.sampled_from(common))  # type: ignore[no-any-return]


def steps_of(protocol: Protocol) -> st.SearchStrategy[list[Any]]:
    seconds = st.sampled_from([0.0, 0.3, 3.0, 60.0])
    return st.lists(st.tuples(requests(protocol), SESSION_IDS, KEYS, OUTCOMES, seconds), max_size=25)


def walk(steps: list[Any], desk: Desk) -> None:
    keys: dict[str, Any] = {
        "none": None,
        "car": market20().car.provisioning.signer(),
        "contract": market20().contract.signer(),
    }
    for body, whose, key, outcome, seconds in steps:
        state = desk.state
        if state is None:
            break
        own = desk.context.session_id
        session_id = {"own": None, "zero": bytes(8), "foreign": messages.FOREIGN}[whose]
        if isinstance(body, cm.AuthorizationReq) and body.pnc_a_req_authorization_mode is not None:
            body.pnc_a_req_authorization_mode.gen_challenge = desk.context.challenge or bytes(16)
        options: dict[str, Any] = {"still_away": True} if outcome == "away" else {"outcome": outcome}
        answer = desk.send(body, key=keys[key], session_id=session_id, **options)
        desk.wait(seconds)
        row = desk.protocol.table.find(state, type(body))
        assert answer.name == RESPONSES[type(body)].__name__
        assert answer.ends == (desk.state is None)
        if row is None:
            assert answer.code == ResponseCode.FAILED_SequenceError
        elif state is not State.SESSION_SETUP and session_id not in {None, own}:
            assert answer.code == ResponseCode.FAILED_UnknownSession
        if answer.code.startswith("FAILED"):
            assert answer.ends
            assert answer.refused
        else:
            assert row is not None
            assert desk.state in {to.state for to in row.to}
        outlet = desk.context.outlet
        if not answer.ends:
            assert (outlet is not None and outlet.contactor.closed) == (desk.state in WHILE_POWER_FLOWS)
        if outlet is not None:
            assert outlet.meter.reading_wh >= 0
            assert outlet.meter.discharged_wh >= 0
    assert desk.context.release() is None
    assert all(not outlet.contactor.closed for outlet in desk.charger.station.outlets)
    assert len(desk.charger.station.outlets) == 12


@given(steps_of(AC), st.booleans(), CHANGES)
@settings(max_examples=150, deadline=None)
def test_walks_of_ac_from_the_beginning(steps: list[Any], secure: bool, changes: dict[str, Any]) -> None:
    walk(steps, Desk(AC, make_charger(changes), secure=secure))


@given(steps_of(WPT), st.sampled_from([WPT, ACDP]))
@settings(max_examples=50, deadline=None)
def test_walks_where_nothing_is_offered(steps: list[Any], protocol: Protocol) -> None:
    walk([step for step in steps if type(step[0]) in protocol.responses], Desk(protocol))


def states_of(protocol: Protocol) -> list[State]:
    return [state for state, _ in kit.steps(protocol)]


@given(steps_of(AC), st.sampled_from(states_of(AC)), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_walks_of_ac_from_any_state(steps: list[Any], state: State, dynamic: bool, both_ways: bool) -> None:
    walk(steps, Desk(AC).reach(state, dynamic=dynamic, both_ways=both_ways))


@given(steps_of(DC), st.sampled_from(states_of(DC)), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_walks_of_dc_from_any_state(steps: list[Any], state: State, dynamic: bool, both_ways: bool) -> None:
    walk(steps, Desk(DC).reach(state, dynamic=dynamic, both_ways=both_ways))


@st.composite
def mutations(draw: Any, protocol: Protocol) -> bytes:
    """Draw a frame: a valid message with some bits flipped or bytes cut off, or plain noise."""
    edition = protocol.edition
    if not draw(st.integers(0, 4)):
        return encode_frame(draw(st.sampled_from(list(edition.schemas))), draw(st.binary(max_size=80)))
    request = messages.example(draw(st.sampled_from(messages.requests_of(protocol))))
    payload_type = edition.payload_type(request)
    message = bytearray(exi.encode(request, edition.schemas[payload_type]))
    for position in draw(st.lists(st.integers(8, len(message) * 8 - 1), max_size=3)):
        message[position // 8] ^= 0x80 >> position % 8
    cut = draw(st.integers(1, len(message))) if draw(st.booleans()) else len(message)
    return encode_frame(payload_type, bytes(message[:cut]))


@given(st.data(), st.sampled_from([AC, DC]), st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_any_bytes_on_the_wire_end_in_an_answer_or_a_close(data: Any, protocol: Protocol, depth: int) -> None:
    """Whatever arrives, no handler fails, and the connection ends by itself."""
    frames = data.draw(st.lists(mutations(protocol), min_size=1, max_size=4))

    async def scenario() -> None:
        async with road.site() as place:
            car = await place.plain(protocol)
            beginning = (car.negotiate, lambda: road.start_session(car), lambda: road.start_charging(car))
            await beginning[depth]()
            for frame in frames:
                with contextlib.suppress(ConnectionClosedError):
                    await car.channel.send_raw(frame)
            assert await car.close_time() <= SEQUENCE_TIMEOUT_S * len(frames) + TCP_CLOSE_S
            assert not place.of("error")
            (ended,) = place.of("session.ended")
            assert ended["outcome"] in {"failed", "aborted", "ok"}
            assert not any(outlet.contactor.closed for outlet in place.charger.station.outlets)

    run_virtual(scenario())
