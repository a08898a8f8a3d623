"""Any car may send anything in any order: never a crash, never an OK where the table says no, never a hang."""

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.schema import XsdType
from secc.errors import BundleError, BundleFailure
from secc.iso2 import PROTOCOL
from secc.iso2.responses import RESPONSES
from secc.iso2.states import State
from secc.session import Session
from secc.table import Errand
from tests.secc import kit
from tests.secc.kit import Desk, make_charger
from tests.secc.market import market
from tests.secc.requests import EXAMPLES
from v2g.messages import iso2
from v2g.messages.iso2 import ChargeProgress, EnergyTransferMode, PaymentOption, ResponseCode

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
        kit.delivery(draw(st.sampled_from(ChargeProgress)), draw(st.sampled_from([1, 1, 2]))),
        iso2.ChargingStatusReq(),
        kit.TERMINATE,
    ]
    if draw(st.integers(0, 3)):
        return draw(st.sampled_from(sensible))  # type: ignore[no-any-return]
    return EXAMPLES[draw(st.sampled_from(REQUESTS))]


STEPS = st.lists(st.tuples(bodies(), SESSION_IDS, KEYS, OUTCOMES), max_size=25)


def walk(steps: list[tuple[iso2.BodyBase, str, str, Any]], desk: Desk) -> None:
    keys = {"none": None, "car": market().car.signing_key(), "contract": market().contract.signing_key()}
    for body, whose, key, outcome in steps:
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
        while_power_flows = {State.CHARGING_STATUS, State.CHARGING, State.METERING_RECEIPT}
        if not answer.ends:
            assert flows == (desk.session.state in while_power_flows)
    assert desk.context.release() is None
    assert all(not outlet.contactor.closed for outlet in desk.charger.station.outlets)


@given(STEPS, st.booleans(), st.sampled_from([0, 1, 2]))
@settings(max_examples=300, deadline=None)
def test_walks_from_the_beginning(steps: list[Any], secure: bool, receipts: int) -> None:
    walk(steps, Desk(make_charger({"station.receipt_every": receipts}), secure=secure))


@given(STEPS, st.sampled_from(list(itertools.chain(*([s for s, _ in kit.steps(p)] for p in PaymentOption)))))
@settings(max_examples=300, deadline=None)
def test_walks_from_any_state_of_a_good_session(steps: list[Any], state: State) -> None:
    payment = PaymentOption.ExternalPayment if state is State.AUTHORIZATION else PaymentOption.Contract
    walk(steps, Desk().reach(state, payment))


@given(st.lists(st.binary(max_size=60), max_size=5), st.data())
@settings(max_examples=200, deadline=None)
def test_any_bytes_that_happen_to_be_a_message_get_an_answer(chunks: list[bytes], data: Any) -> None:
    """Valid messages with bits flipped: whatever still decodes is treated like any other message."""
    desk = Desk().reach(data.draw(st.sampled_from([State.CONTRACT, State.SERVICE_SELECTION])))
    for _ in chunks:
        request = EXAMPLES[data.draw(st.sampled_from(REQUESTS))]
        message = bytearray(exi.encode(kit.message_of(desk.context.session_id, request), iso2.SCHEMA))
        position = data.draw(st.integers(8, len(message) * 8 - 1))
        message[position // 8] ^= 0x80 >> position % 8
        try:
            decoded = exi.decode(bytes(message), iso2.SCHEMA)
        except exi.ExiError:
            continue
        if desk.session.state is None or not _is_request(decoded):
            return
        result = desk.session.handle(decoded, bytes(message), 0.0)
        assert not isinstance(result, Errand)


def _is_request(message: XsdType) -> bool:
    return isinstance(message, iso2.V2G_Message) and type(message.body.body_element) in RESPONSES


def test_a_walk_covers_every_row() -> None:
    """The steps of a good session and of one with external payment reach all states but the receipt's."""
    reached = {state for payment in PaymentOption for state, _ in kit.steps(payment)}
    assert reached == set(State) - {State.METERING_RECEIPT}
    assert Session(PROTOCOL, Desk().context).state is State.SESSION_SETUP
