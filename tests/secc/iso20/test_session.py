"""Every state and every request: the rules that hold for all of them."""

from typing import Any

import pytest

from exi.schema import XsdType
from secc.iso20 import AC, ACDP, DC, WPT
from secc.iso20.responses import RESPONSES, refuse
from secc.iso20.states import State
from secc.protocol import Protocol
from tests.secc.iso20 import kit, messages
from tests.secc.iso20.kit import Desk
from tests.secc.iso20.market import market20
from v2g.errors import MessageError, SequenceError
from v2g.messages.iso20 import ac, acdp, common_messages, common_types, dc, wpt
from v2g.messages.iso20.common_types import ResponseCode
from v2g.protocols import UNSENT

PROTOCOLS = (AC, DC, WPT, ACDP)
PAIRS = [
    (protocol, state, request)
    for protocol in PROTOCOLS
    for state in dict.fromkeys(row.state for row in protocol.table)
    for request in messages.requests_of(protocol)
]
UNEXPECTED = [pair for pair in PAIRS if pair[0].table.find(*pair[1:]) is None]
EXPECTED = [pair for pair in PAIRS if pair[0].table.find(*pair[1:]) is not None]


def name(value: object) -> str:
    return str(value) if isinstance(value, State | Protocol) else getattr(value, "__name__", "")


def in_state(protocol: Protocol, state: State) -> Desk:
    """Return a session in a state, after the way there where there is one, else merely put into it."""
    if protocol.key in {AC.key, DC.key} and state in {s for s, _ in kit.steps(protocol, install=True)}:
        return Desk(protocol).reach(state, install=True)
    desk = Desk(protocol)
    if state is State.SESSION_SETUP:
        return desk
    desk.ask(messages.setup())
    if state is State.SAME_INSTALLATION and protocol.key in {AC.key, DC.key}:
        desk = Desk(protocol).reach(State.CONTRACT)
        desk.ask(
            market20().installation_request(),
            key=market20().car.provisioning.signer(),
            still_away=True,
        )
        return desk
    if state in {State.NEW_SCHEDULE, State.NEW_PROFILE}:
        desk = Desk(protocol).reach(State.CHARGE_LOOP)
        desk.ask(messages.delivery(messages.RENEGOTIATE))
        if state is State.NEW_PROFILE:
            desk.ask(messages.schedule())
    desk.session.state = state
    return desk


@pytest.mark.parametrize(("protocol", "state", "request_class"), UNEXPECTED, ids=name)
def test_what_the_table_does_not_name_is_a_sequence_error(
    protocol: Protocol, state: State, request_class: type[XsdType]
) -> None:
    desk = in_state(protocol, state)
    answer = desk.send(messages.example(request_class))
    assert answer.code == ResponseCode.FAILED_SequenceError
    assert answer.name == RESPONSES[request_class].__name__
    assert answer.ends
    assert desk.state is None


@pytest.mark.parametrize(("protocol", "state", "request_class"), EXPECTED, ids=name)
def test_what_the_table_names_is_answered(
    protocol: Protocol, state: State, request_class: type[XsdType]
) -> None:
    desk = in_state(protocol, state)
    answer = desk.send(messages.example(request_class))
    assert answer.name == RESPONSES[request_class].__name__
    assert answer.code != ResponseCode.FAILED_SequenceError
    assert answer.ends == (desk.state is None)
    assert answer.ends or not answer.code.startswith("FAILED")  # [V2G20-2222]


@pytest.mark.parametrize(("protocol", "state", "request_class"), EXPECTED, ids=name)
def test_a_foreign_session_id_is_refused_wherever_a_session_exists(
    protocol: Protocol, state: State, request_class: type[XsdType]
) -> None:
    desk = in_state(protocol, state)
    answer = desk.send(messages.example(request_class), session_id=messages.FOREIGN)
    if state is State.SESSION_SETUP:
        assert answer.code == ResponseCode.OK_NewSessionEstablished
    else:
        assert answer.code == ResponseCode.FAILED_UnknownSession
        assert answer.ends


def test_a_response_gets_no_answer() -> None:
    with pytest.raises(SequenceError):
        Desk().send(refuse(common_messages.SessionSetupReq, "FAILED", Desk().context))


@pytest.mark.parametrize("root", [common_types.EVSEStatus, b"a digest"], ids=str)
def test_a_document_with_another_root_is_no_message(root: Any) -> None:
    value: Any = (
        root
        if isinstance(root, bytes)
        else root(notification_max_delay=0, evse_notification=common_types.EvseNotification.Pause)
    )
    with pytest.raises(MessageError, match="instead of an ISO 15118-20 message"):
        Desk().session.handle(value, b"", 0.0)


def test_every_request_of_every_set_has_its_response() -> None:
    names = {
        element.name
        for module in (common_messages, ac, dc, wpt, acdp)
        for element in module.ELEMENTS
        if element.name.endswith("Req") and issubclass(element.type, common_types.V2GRequest)
    }
    assert {request.__name__ for request in RESPONSES} == names


@pytest.mark.parametrize("request_class", RESPONSES, ids=name)
def test_no_mandatory_value_of_a_refusal_is_empty(request_class: type[XsdType]) -> None:
    ids: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, XsdType):
            for field in value.__struct_fields__:
                item = getattr(value, field)
                if field == "id" and item is not None:
                    ids.append(item)
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        else:
            assert value != ""
            assert value != b""

    walk(refuse(request_class, "FAILED", Desk().context))
    assert len(ids) == len(set(ids))


def test_the_unsent_header_stays_as_it_is() -> None:
    Desk().ask(messages.setup())
    assert (UNSENT.session_id, UNSENT.time_stamp, UNSENT.signature) == (bytes(8), 0, None)
