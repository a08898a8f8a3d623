"""Any car may send anything in any order: never a crash, never an OK where the table says no, never a hang."""

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from secc.errors import BundleError, BundleFailure
from secc.iso2 import PROTOCOL
from secc.iso2.responses import RESPONSES
from secc.iso2.states import WHILE_POWER_FLOWS, State
from secc.session import Session
from tests.secc import kit
from tests.secc.kit import Desk, make_charger
from tests.secc.market import market
from tests.secc.requests import EXAMPLES
from v2g.errors import ConnectionClosedError
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EnergyTransferMode, PaymentOption, ResponseCode
from v2g.net.virtual import run_virtual
from v2g.timing import SEQUENCE_TIMEOUT_S, TCP_CLOSE_S
from v2g.v2gtp import PayloadType, encode_frame

REQUESTS = sorted(RESPONSES, key=lambda request: request.__name__)
SESSION_IDS = st.sampled_from(["own", "own", "own", "own", "zero", "foreign"])
KEYS = st.sampled_from(["none", "car", "contract"])
OUTCOMES = st.sampled_from([None, b"", b"\x80junk", *(BundleError(kind, "x") for kind in BundleFailure)])


@st.composite
def bodies(draw: Any) -> iso2.BodyBase:
    """Draw a request: often a sensible one, sometimes one that only fits its schema."""
    sensible: list[iso2.BodyBase] = [
        kit.SETUP,
        iso2.ServiceDiscoveryReq(),
        iso2.ServiceDetailReq(service_id=draw(st.sampled_from([1, 2, 3]))),
        kit.selection(draw(st.sampled_from(PaymentOption)), (1, None)),
        kit.selection(draw(st.sampled_from(PaymentOption)), (draw(st.integers(0, 3)), None)),
        market().installation_request(),
        kit.payment_details(),
        iso2.AuthorizationReq(),
        kit.parameters(draw(st.sampled_from(EnergyTransferMode))),
        kit.parameters(),
        kit.parameters(EnergyTransferMode.DC_extended, kit.dc_parameters()),
        kit.cable_check(),
        kit.pre_charge(draw(st.sampled_from([0, 380, 900]))),
        kit.current_demand(draw(st.sampled_from([0, 50, 500]))),
        kit.welding(),
        kit.delivery(draw(st.sampled_from(ChargeProgress)), draw(st.sampled_from([1, 1, 2]))),
        iso2.ChargingStatusReq(),
        kit.TERMINATE,
    ]
    if draw(st.integers(0, 3)):
        return draw(st.sampled_from(sensible))  # type: ignore[no-any-return]
    return EXAMPLES[draw(st.sampled_from(REQUESTS))]


WAITS_S = st.sampled_from([0.0, 0.0, 1.0, 3.0, 40.0])
STEPS = st.lists(st.tuples(bodies(), SESSION_IDS, KEYS, OUTCOMES, WAITS_S), max_size=25)
WAYS = [(payment, dc) for payment in PaymentOption for dc in (False, True)]
PLACES = list({(state, payment, dc) for payment, dc in WAYS for state, _ in kit.steps(payment, dc=dc)})
PLACES.sort(key=str)


def walk(steps: list[tuple[iso2.BodyBase, str, str, Any, float]], desk: Desk) -> None:
    keys = {"none": None, "car": market().car.signing_key(), "contract": market().contract.signing_key()}
    for body, whose, key, outcome, wait_s in steps:
        desk.wait(wait_s)
        state = desk.session.state
        if state is None:
            break
        session_id = {"own": desk.context.session_id, "zero": bytes(8), "foreign": b"\xee" * 8}[whose]
        if isinstance(body, iso2.AuthorizationReq) and desk.context.challenge:
            body = iso2.AuthorizationReq(id="id1", gen_challenge=desk.context.challenge)  # noqa: PLW2901
        signing = keys[key] if getattr(body, "id", None) else None
        own = desk.context.session_id
        answer = desk.send(body, key=signing, session_id=session_id, outcome=outcome)
        row = PROTOCOL.table.find(state, type(body))
        assert answer.name == RESPONSES[type(body)].__name__
        if row is None:
            assert answer.code == ResponseCode.FAILED_SequenceError
        elif state is not State.SESSION_SETUP and session_id != own:
            assert answer.code == ResponseCode.FAILED_UnknownSession
        assert answer.refused == "" or answer.code.startswith("FAILED")
        assert answer.ends == (desk.session.state is None)
        if answer.refused:
            assert answer.ends
        else:
            assert answer.code.startswith("OK")
            assert desk.session.state in {to.state for to in row.to}  # type: ignore[union-attr]
        flows = desk.context.outlet is not None and desk.context.outlet.contactor.closed
        if not answer.ends and desk.session.state is not State.NEW_PARAMETERS:
            assert flows == (desk.session.state in WHILE_POWER_FLOWS)
    assert desk.context.release() is None
    assert all(not outlet.contactor.closed for outlet in desk.charger.station.outlets)


@given(STEPS, st.booleans(), st.sampled_from([0, 1, 2]))
@settings(max_examples=300, deadline=None)
def test_walks_from_the_beginning(steps: list[Any], secure: bool, receipts: int) -> None:
    walk(steps, Desk(make_charger({"station.receipt_every": receipts}), secure=secure))


@given(STEPS, st.sampled_from(PLACES))
@settings(max_examples=300, deadline=None)
def test_walks_from_any_state_of_a_good_session(
    steps: list[Any], place: tuple[State, PaymentOption, bool]
) -> None:
    state, payment, dc = place
    walk(steps, Desk().reach(state, payment, dc=dc))


@st.composite
def mutations(draw: Any) -> bytes:
    """Draw a payload: a valid message with some bits flipped or bytes cut off, or plain noise."""
    if not draw(st.integers(0, 4)):
        return draw(st.binary(max_size=80))  # type: ignore[no-any-return]
    request = EXAMPLES[draw(st.sampled_from(REQUESTS))]
    message = bytearray(exi.encode(kit.message_of(bytes(8), request), iso2.SCHEMA))
    for position in draw(st.lists(st.integers(8, len(message) * 8 - 1), max_size=3)):
        message[position // 8] ^= 0x80 >> position % 8
    return bytes(message[: draw(st.integers(1, len(message)))] if draw(st.booleans()) else message)


@given(st.lists(mutations(), min_size=1, max_size=4), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_on_the_wire_end_in_an_answer_or_a_close(payloads: list[bytes], set_up: bool) -> None:
    """Whatever arrives, no handler fails, and the connection ends by itself."""

    async def scenario() -> None:
        async with kit.site() as place:
            car = await place.plain()
            await car.negotiate()
            if set_up:
                await car.ask(kit.SETUP)
            for payload in payloads:
                with contextlib.suppress(ConnectionClosedError):
                    await car.channel.send_raw(encode_frame(PayloadType.EXI, payload))
            assert await car.close_time() <= SEQUENCE_TIMEOUT_S + TCP_CLOSE_S
            assert not place.of("error")
            (ended,) = place.of("session.ended")
            assert ended["outcome"] in {"failed", "aborted", "ok"}
            assert all(not kit.on_mains(outlet) for outlet in place.charger.station.outlets)

    run_virtual(scenario())


def test_a_walk_covers_every_row() -> None:
    """The steps of good sessions reach all states but those of receipts and of renegotiation."""
    reached = {state for payment, dc in WAYS for state, _ in kit.steps(payment, dc=dc)}
    beside = {State.METERING_RECEIPT, State.NEW_PARAMETERS, State.NEW_PROFILE}
    assert reached == set(State) - beside
    assert Session(PROTOCOL, Desk().context).state is State.SESSION_SETUP
