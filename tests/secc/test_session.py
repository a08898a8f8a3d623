"""The rules that hold for every state and every request."""

from dataclasses import replace
from typing import Any

import pytest

from exi.schema import XsdType
from secc.iso2 import PROTOCOL
from secc.iso2.responses import RESPONSES
from secc.iso2.states import State
from secc.session import Session
from secc.station import Kind
from secc.table import Errand, Refusal, Reply, Table, To, row
from tests.secc.kit import DC_STATES, SETUP, TERMINATE, Desk, message_of
from tests.secc.market import market
from tests.secc.requests import EXAMPLES
from v2g.errors import MessageError, SequenceError
from v2g.messages import iso2
from v2g.messages.iso2 import ResponseCode

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
        desk.context.take_outlet(Kind.DC if state in DC_STATES else Kind.AC)
    return desk


@pytest.mark.parametrize(("state", "request_class"), UNEXPECTED, ids=name)
def test_what_the_table_does_not_name_is_a_sequence_error(state: State, request_class: type[XsdType]) -> None:
    desk = in_state(state)
    answer = desk.send(EXAMPLES[request_class])
    assert answer.code == ResponseCode.FAILED_SequenceError
    assert answer.name == RESPONSES[request_class].__name__
    assert answer.ends
    assert desk.state is None


@pytest.mark.parametrize(("state", "request_class"), EXPECTED, ids=name)
def test_a_foreign_session_id_is_refused_wherever_a_session_exists(
    state: State, request_class: type[XsdType]
) -> None:
    desk = in_state(state)
    answer = desk.send(EXAMPLES[request_class], session_id=b"\x02" * 8)
    if state is State.SESSION_SETUP:
        assert answer.code == ResponseCode.OK_NewSessionEstablished
    else:
        assert answer.code == ResponseCode.FAILED_UnknownSession
        assert answer.ends
        assert desk.state is None


@pytest.mark.parametrize(("state", "request_class"), EXPECTED, ids=name)
def test_an_expected_request_is_never_a_sequence_error(state: State, request_class: type[XsdType]) -> None:
    answer = in_state(state).send(EXAMPLES[request_class])
    assert answer.name == RESPONSES[request_class].__name__
    assert answer.code != ResponseCode.FAILED_SequenceError


@pytest.mark.parametrize("state", State)
def test_a_sequence_error_outranks_a_foreign_session_id(state: State) -> None:
    stray = next(request for s, request in UNEXPECTED if s is state and request is not iso2.SessionSetupReq)
    answer = in_state(state).send(EXAMPLES[stray], session_id=b"\x02" * 8)
    assert answer.code == ResponseCode.FAILED_SequenceError


@pytest.mark.parametrize("body", [None, iso2.SessionStopRes(response_code=ResponseCode.OK)])
@pytest.mark.parametrize("state", State)
def test_what_is_no_request_gets_no_answer(state: State, body: XsdType | None) -> None:
    with pytest.raises(SequenceError):
        in_state(state).send(body)


@pytest.mark.parametrize("root", [SETUP, b"a digest", iso2.BodyBase()], ids=lambda root: type(root).__name__)
def test_a_document_with_another_root_is_no_message(root: Any) -> None:
    with pytest.raises(MessageError, match="instead of a V2G_Message"):
        Desk().session.handle(root, b"", 0.0)


def test_nothing_is_answered_after_the_end() -> None:
    desk = Desk()
    desk.ask(SETUP)
    assert desk.send(TERMINATE).ends
    with pytest.raises(SequenceError):
        desk.send(TERMINATE)


def test_nothing_is_answered_while_an_errand_is_under_way() -> None:
    desk = Desk().reach(State.CONTRACT)
    request = market().installation_request()
    signed = message_of(desk.context.session_id, request, market().car.signing_key())
    assert isinstance(desk.session.handle(signed, b"", 0.0), Errand)
    with pytest.raises(SequenceError):
        desk.send(TERMINATE)


def test_an_outcome_without_an_errand_is_a_programming_error() -> None:
    with pytest.raises(RuntimeError, match="no errand"):
        Desk().session.resume(b"")


def test_a_handler_may_only_choose_what_its_row_names() -> None:
    stray = Reply(iso2.SessionStopRes(response_code=ResponseCode.OK), State.CHARGING)
    table = Table(
        State.SESSION_SETUP,
        (row(State.SESSION_SETUP, iso2.SessionStopReq, lambda _request, _context: stray, None),),
    )
    desk = Desk()
    session = Session(replace(PROTOCOL, table=table), desk.context)
    with pytest.raises(RuntimeError, match="must not lead to"):
        session.handle(message_of(b"", TERMINATE), b"", 0.0)


def test_a_table_has_one_row_for_a_state_and_request() -> None:
    twice = row(State.CHARGING, iso2.SessionStopReq, lambda _request, _context: Refusal("FAILED", ""), None)
    with pytest.raises(ValueError, match="two rows"):
        Table(State.CHARGING, (twice, twice))


def test_a_bare_state_in_a_row_stands_for_itself() -> None:
    made = row(
        State.CHARGING,
        iso2.SessionStopReq,
        lambda _request, _context: Refusal("FAILED", ""),
        State.CHARGING,
        To(State.SESSION_STOP, "Stop"),
        None,
    )
    assert made.to == (To(State.CHARGING), To(State.SESSION_STOP, "Stop"), To(None))
