"""The protocol editions: envelopes, payload types, announcements."""

import pytest

from exi.schema import XsdType
from v2g import protocols
from v2g.errors import MessageError
from v2g.messages import iso2, xmldsig
from v2g.messages.iso20 import common_messages, dc
from v2g.protocols import ISO2, ISO20_AC, ISO20_DC, UNSENT, Edition
from v2g.v2gtp import PayloadType

SESSION = bytes.fromhex("0102030405060708")
EDITIONS = (ISO2, ISO20_AC, ISO20_DC, protocols.ISO20_WPT, protocols.ISO20_ACDP)


def _setup(edition: Edition) -> XsdType:
    if edition is ISO2:
        return iso2.SessionSetupReq(evcc_id=bytes(6))
    return common_messages.SessionSetupReq(header=UNSENT, evcc_id="WMIV1234567890ABCDEX")


@pytest.mark.parametrize("edition", EDITIONS, ids=str)
def test_what_is_wrapped_can_be_opened(edition: Edition) -> None:
    body = _setup(edition)
    envelope = edition.open(edition.wrap(SESSION, body, None, 1_700_000_000))
    assert envelope.session_id == SESSION
    assert envelope.signature is None
    assert envelope.body == body


def test_time_goes_into_the_iso20_header_and_the_placeholder_stays_untouched() -> None:
    message = ISO20_DC.wrap(SESSION, _setup(ISO20_DC), None, 1_700_000_000)
    assert isinstance(message, common_messages.SessionSetupReq)
    assert message.header.time_stamp == 1_700_000_000
    assert UNSENT.time_stamp == 0


def test_each_iso20_message_has_the_payload_type_of_its_set() -> None:
    assert ISO20_DC.payload_type(_setup(ISO20_DC)) is PayloadType.ISO20_MAIN
    assert ISO20_DC.payload_type(dc.DC_CableCheckReq(header=UNSENT)) is PayloadType.ISO20_DC
    assert ISO2.payload_type(ISO2.wrap(SESSION, _setup(ISO2), None, 0)) is PayloadType.EXI


@pytest.mark.parametrize("edition", EDITIONS, ids=str)
def test_a_root_that_is_no_message_is_refused(edition: Edition) -> None:
    with pytest.raises(MessageError, match="Transform instead of"):
        edition.open(xmldsig.Transform(algorithm="x"))


@pytest.mark.parametrize("edition", EDITIONS, ids=str)
def test_a_foreign_body_is_a_defect(edition: Edition) -> None:
    with pytest.raises(TypeError, match="is no ISO 15118"):
        edition.wrap(SESSION, xmldsig.Transform(algorithm="x"), None, 0)
