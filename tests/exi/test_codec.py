from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exi
from exi.codec import decode_item, schema_of
from exi.engine import Engine
from exi.registry import message_sets
from exi.schema import Item, MessageSet, is_abstract
from exi.tables import tables_of
from tests.exi.strategies import documents, fragments
from v2g.messages import appprotocol, iso2, xmldsig

SETS = list(message_sets().values())

SESSION_SETUP = iso2.V2G_Message(
    header=iso2.MessageHeader(session_id=bytes(8)),
    body=iso2.Body(body_element=iso2.SessionSetupReq(evcc_id=bytes.fromhex("3f0a71c25bd4"))),
)


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_decoding_undoes_encoding_of_any_document(schema: MessageSet, data: st.DataObject) -> None:
    message = data.draw(documents(schema))
    assert exi.decode(exi.encode(message, schema), schema) == message


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_decoding_undoes_encoding_of_any_fragment(schema: MessageSet, data: st.DataObject) -> None:
    item = data.draw(fragments(schema))
    assert decode_item(exi.encode_fragment(item, schema), schema) == item


def test_the_message_set_is_found_by_the_root_class() -> None:
    assert exi.encode(SESSION_SETUP) == exi.encode(SESSION_SETUP, iso2.SCHEMA)
    assert schema_of(appprotocol.SupportedAppProtocolReq) is appprotocol.SCHEMA
    assert schema_of(xmldsig.SignedInfo) is xmldsig.SCHEMA


def test_each_root_class_finds_the_set_of_its_own_namespace() -> None:
    for schema in SETS:
        for module in schema.modules:
            if schema.namespace != module.NAMESPACE:
                continue
            for element in module.ELEMENTS:
                if isinstance(element.type, type) and element.type.__module__ == module.__name__:
                    assert schema_of(element.type) is schema


def test_a_class_of_no_set_is_refused() -> None:
    with pytest.raises(exi.ExiError, match="Item does not say which message set it belongs to"):
        exi.encode(Item("a", "", None))
    with pytest.raises(exi.ExiError, match="int belongs to no message set"):
        exi.encode(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"), [("DigestValue", bytes(32)), ("KeyName", "key"), ("MgmtData", ""), ("KeyName", "é")]
)
def test_a_root_of_simple_type_keeps_its_name(name: str, value: object) -> None:
    root = Item(name, xmldsig.NAMESPACE, value)
    for schema in message_sets().values():
        if schema.name != "appprotocol":
            assert exi.decode(exi.encode(root, schema), schema) == root


def test_an_item_names_the_root_of_any_document() -> None:
    root = Item("V2G_Message", iso2.NAMESPACE, SESSION_SETUP)
    assert exi.encode(root, iso2.SCHEMA) == exi.encode(SESSION_SETUP)


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (Item("Nothing", "urn:x", 1), "iso2 has no document Nothing of urn:x"),
        (Item("\ud800", "\udfff", 1), r"iso2 has no document \ud800 of \udfff"),
        (Item("KeyName", xmldsig.NAMESPACE, 1), "int where a string belongs at /KeyName"),
        (
            Item("V2G_Message", iso2.NAMESPACE, None),
            "NoneType where V2G_Message belongs at /V2G_Message",
        ),
        (
            Item("BodyElement", "urn:iso:15118:2:2013:MsgBody", iso2.BodyBase()),
            "iso2 has no document BodyElement of urn:iso:15118:2:2013:MsgBody",
        ),
    ],
)
def test_a_root_that_does_not_fit_its_name_is_refused(item: Item, text: str) -> None:
    for encode in (exi.encode, lambda item, schema: Engine(tables_of(schema)).encode_document(item)):
        with pytest.raises(exi.ExiError) as caught:
            encode(item, iso2.SCHEMA)
        assert str(caught.value) == text


@pytest.mark.parametrize("name", ["\ud800", "a\udc80b", 5, None, ["x"]])
def test_a_name_that_no_element_can_have_is_refused_by_all_engines_alike(name: Any) -> None:
    holder = xmldsig.Object(content=[Item(name, xmldsig.NAMESPACE, b"")])
    for item in (Item(name, "urn:x", 1), Item("eMAID", name, 1), Item("Object", xmldsig.NAMESPACE, holder)):
        found = []
        for encode in (
            exi.encode_fragment,
            lambda item, schema: Engine(tables_of(schema)).encode_fragment(item.value, item.name, item.ns),
        ):
            with pytest.raises(exi.ExiError) as caught:
                encode(item, iso2.SCHEMA)
            found.append(str(caught.value))
        assert found[0] == found[1]
        found[0].encode()


def test_a_fragment_is_named_by_its_element_or_found_by_its_class() -> None:
    chain = iso2.CertificateChain(id="id1", certificate=b"\1\2\3")
    named = exi.encode_fragment(chain, iso2.SCHEMA, "ContractSignatureCertChain")
    other = exi.encode_fragment(chain, iso2.SCHEMA, "SAProvisioningCertificateChain")
    assert named != other
    assert exi.decode_fragment(named, iso2.SCHEMA) == chain == exi.decode_fragment(other, iso2.SCHEMA)
    assert exi.encode_fragment(chain, iso2.SCHEMA) == named, "the first element of that class"
    assert decode_item(other, iso2.SCHEMA).name == "SAProvisioningCertificateChain"


@pytest.mark.parametrize(
    ("value", "name", "reason"),
    [
        (iso2.SessionSetupReq(evcc_id=b"1"), "NoSuchElement", "iso2 has no element NoSuchElement"),
        (
            iso2.SessionSetupReq(evcc_id=b"1"),
            "eMAID",
            "iso2 has no element eMAID of the type SessionSetupReq",
        ),
        (iso2.BodyBase(), None, "iso2 has no element of the type BodyBase"),
        (b"123456", None, "iso2 has no element of the type bytes"),
    ],
)
def test_a_fragment_without_element_is_refused(value: object, name: str | None, reason: str) -> None:
    with pytest.raises(exi.ExiError) as caught:
        exi.encode_fragment(value, iso2.SCHEMA, name)
    assert caught.value.reason == reason


def test_published_emaid_fragment() -> None:
    """The digest of this fragment is published; eMAID is the one element with two declared types."""
    emaid = iso2.EMAID(id="id4", value="DE1ABCD2EF357A")
    data = exi.encode_fragment(emaid, iso2.SCHEMA)
    assert data[:7].hex() == "80ec0202b4b21a"
    assert exi.decode_fragment(data, iso2.SCHEMA) == emaid
    plain = exi.encode_fragment("DE1ABCD2EF357A", iso2.SCHEMA, "eMAID")
    assert exi.decode_fragment(plain, iso2.SCHEMA) == "DE1ABCD2EF357A"


def test_bytearray_and_memoryview_are_data_too() -> None:
    data = exi.encode(SESSION_SETUP)
    assert exi.decode(bytearray(data), iso2.SCHEMA) == SESSION_SETUP  # type: ignore[arg-type]


def test_engine_name() -> None:
    assert exi.engine_name() in {"python", "native"}


@pytest.mark.parametrize("schema", SETS, ids=lambda schema: schema.name)
def test_no_element_has_an_abstract_type(schema: MessageSet) -> None:
    tables = tables_of(schema)
    for row in range(0, len(tables.elements), 4):
        kind, abstract = tables.elements[row + 2 : row + 4]
        if kind >= 0 and is_abstract(tables.classes[kind]):
            assert abstract


def test_a_value_of_an_abstract_type_is_refused_by_all_engines_alike() -> None:
    interval = iso2.PMaxScheduleEntry(
        time_interval=iso2.Interval(), p_max=iso2.PhysicalValue(multiplier=0, unit=iso2.UnitSymbol.W, value=1)
    )
    for encode in (
        exi.encode_fragment,
        lambda value, schema: Engine(tables_of(schema)).encode_fragment(value),
    ):
        with pytest.raises(exi.ExiError) as caught:
            encode(interval, iso2.SCHEMA)
        assert str(caught.value) == "Interval where RelativeTimeInterval belongs at /PMaxScheduleEntry"


def test_an_element_of_an_abstract_type_is_refused_by_all_engines_alike() -> None:
    entry = iso2.PMaxScheduleEntry(
        time_interval=iso2.RelativeTimeInterval(start=0),
        p_max=iso2.PhysicalValue(multiplier=0, unit=iso2.UnitSymbol.W, value=1),
    )
    data = bytearray(exi.encode_fragment(entry, iso2.SCHEMA))
    data[2] |= 0b01000000  # RelativeTimeInterval becomes TimeInterval
    for decode in (exi.decode_fragment, lambda data, schema: Engine(tables_of(schema)).decode_fragment(data)):
        with pytest.raises(exi.ExiError) as caught:
            decode(bytes(data), iso2.SCHEMA)
        assert str(caught.value) == (
            "the element or its type is abstract at /PMaxScheduleEntry/TimeInterval (bit 18)"
        )
