import typing
from enum import StrEnum
from typing import Annotated

import pytest

import exi
from exi import schema
from exi.schema import Element, XsdType
from secc import placeholders
from secc.iso2.responses import RESPONSES, refuse
from tests.secc.kit import Desk
from v2g import protocols
from v2g.messages import iso2

REQUESTS = sorted(RESPONSES, key=lambda request: request.__name__)


def requests_in_schema() -> set[str]:
    return {e.name for e in iso2.body.ELEMENTS if e.name.endswith("Req")}


def test_every_request_of_the_message_set_has_its_response() -> None:
    assert {request.__name__ for request in RESPONSES} == requests_in_schema()
    for request, response in RESPONSES.items():
        assert response.__name__ == request.__name__.replace("Req", "Res")


@pytest.mark.parametrize("request_class", REQUESTS, ids=lambda request: request.__name__)
@pytest.mark.parametrize("set_up", [False, True])
def test_a_refusal_is_valid_and_survives_the_codec(request_class: type[XsdType], set_up: bool) -> None:
    desk = Desk()
    if set_up:
        desk.context.take_outlet()
        desk.context.session_id = b"12345678"
    response = refuse(request_class, "FAILED_SequenceError", desk.context)
    message = protocols.ISO2.wrap(desk.context.session_id or bytes(8), response, None, 0)
    assert isinstance(message, iso2.V2G_Message)
    data = exi.encode(message, iso2.SCHEMA)
    assert exi.decode(data, iso2.SCHEMA) == message
    assert message.header.session_id == (b"12345678" if set_up else bytes(8))


@pytest.mark.parametrize("request_class", REQUESTS, ids=lambda request: request.__name__)
def test_no_mandatory_value_is_empty_and_no_id_occurs_twice(request_class: type[XsdType]) -> None:
    ids: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, XsdType):
            for name in value.__struct_fields__:
                item = getattr(value, name)
                if name == "id" and item is not None:
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


@pytest.mark.parametrize("code", [code for code in iso2.ResponseCode if code.startswith("FAILED")])
def test_every_failed_code_fits(code: iso2.ResponseCode) -> None:
    response = refuse(iso2.CertificateInstallationReq, code, Desk().context)
    assert isinstance(response, iso2.CertificateInstallationRes)
    assert response.response_code is code


def test_what_is_no_request_has_no_refusal() -> None:
    with pytest.raises(KeyError):
        refuse(iso2.SessionSetupRes, "FAILED", Desk().context)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(XsdType, kw_only=True):
    first: Annotated[int | None, Element("first", schema.BYTE, choice="c")] = None
    second: Annotated[str | None, Element("second", schema.STRING, choice="c")] = None
    third: Annotated[int | None, Element("third", schema.BYTE, choice="d?")] = None


class Outer(XsdType, kw_only=True):
    negative: Annotated[int, Element("negative", schema.BYTE.restrict(minimum=-9, maximum=-3))]
    positive: Annotated[int, Element("positive", schema.INTEGER)]
    colour: Annotated[Colour, Element("colour")]
    inner: Annotated[list[Inner], Element("inner", occurs=(2, 5))]
    optional: Annotated[str | None, Element("optional", schema.STRING)] = None


def test_any_class_can_be_filled() -> None:
    assert placeholders.build(Outer, {"colour": Colour.BLUE, "foreign": 1}, {}) == Outer(
        negative=-3, positive=0, colour=Colour.BLUE, inner=[Inner(first=0), Inner(first=0)]
    )


def test_a_filler_stands_in_for_a_class() -> None:
    filled = placeholders.build(Outer, {}, {Inner: lambda field: Inner(second=field)})
    assert filled.inner == [Inner(second="inner")] * 2


def test_what_cannot_be_filled_is_a_programming_error() -> None:
    class Odd(XsdType, kw_only=True):
        odd: Annotated[complex, Element("odd")]

    typing.get_type_hints(Odd)
    with pytest.raises(TypeError, match="no placeholder for field odd"):
        placeholders.build(Odd, {}, {})
