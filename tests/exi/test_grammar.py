from enum import StrEnum
from types import ModuleType
from typing import Annotated

import pytest

from exi.errors import SchemaError
from exi.grammar import Event, Grammars, Name, State
from exi.registry import message_sets
from exi.schema import (
    BOOLEAN,
    HEX,
    INTEGER,
    STRING,
    UNSIGNED_BYTE,
    Attribute,
    Child,
    Choice,
    Content,
    Element,
    GlobalElement,
    Item,
    Message,
    MessageSet,
    Sequence,
    Text,
    Wildcard,
    XsdType,
)
from exi.tables import tables_of, width_of
from v2g.messages import iso2, xmldsig

SETS = message_sets()


@pytest.mark.parametrize(
    ("name", "documents", "document_bits", "elements", "fragment_bits"),
    [
        ("appprotocol", 3, 2, 9, 4),
        ("iso2", 81, 7, 243, 8),
        ("xmldsig", 25, 5, 45, 6),
        ("iso20-common", 55, 6, 281, 9),
        ("iso20-dc", 49, 6, 149, 8),
        ("iso20-ac", 43, 6, 154, 8),
        ("iso20-wpt", 39, 6, 193, 8),
        ("iso20-acdp", 35, 6, 129, 8),
        ("din", 82, 7, 245, 8),
    ],
)
def test_event_code_counts(
    name: str, documents: int, document_bits: int, elements: int, fragment_bits: int
) -> None:
    """Codes of documents are the global elements and a wildcard; fragments have an end code besides."""
    grammars = Grammars(SETS[name])
    tables = tables_of(SETS[name])
    assert len(grammars.documents) + 1 == documents
    assert len(grammars.elements) == elements
    document, fragment = (tables.states[state * 5 : state * 5 + 5] for state in _roots(SETS[name]))
    assert list(document[1:4]) == [documents, document_bits, 0]
    assert list(fragment[1:4]) == [elements + 2, fragment_bits, 0]


def _roots(schema: MessageSet) -> tuple[int, int]:
    return tables_of(schema).document_state, tables_of(schema).fragment_state


@pytest.mark.parametrize(
    ("schema", "element", "code"),
    [
        ("iso2", "AuthorizationReq", 4),
        ("iso2", "CertificateInstallationReq", 15),
        ("iso2", "CertificateUpdateReq", 17),
        ("iso2", "ContractSignatureCertChain", 33),
        ("iso2", "ContractSignatureEncryptedPrivateKey", 34),
        ("iso2", "DHpublickey", 45),
        ("iso2", "MeteringReceiptReq", 121),
        ("iso2", "SalesTariff", 174),
        ("iso2", "SignedInfo", 208),
        ("iso2", "eMAID", 236),
        ("xmldsig", "SignedInfo", 32),
        ("iso20-common", "AbsolutePriceSchedule", 0),
        ("iso20-common", "CertificateInstallationReq", 27),
        ("iso20-common", "MeteringConfirmationReq", 119),
        ("iso20-common", "OEMProvisioningCertificateChain", 128),
        ("iso20-common", "PnC_AReqAuthorizationMode", 151),
        ("iso20-common", "SignedInfo", 230),
        ("iso20-common", "SignedInstallationData", 231),
        ("iso20-common", "SignedMeteringData", 232),
    ],
)
def test_fragment_codes(schema: str, element: str, code: int) -> None:
    elements = Grammars(SETS[schema]).elements
    assert elements[code][0].name.local == element


def test_document_code_of_a_message() -> None:
    names = [declaration.name.local for declaration in Grammars(iso2.SCHEMA).documents]
    assert names.index("V2G_Message") == 76


@pytest.mark.parametrize("schema", SETS.values(), ids=lambda schema: schema.name)
def test_only_emaid_has_several_types(schema: MessageSet) -> None:
    several = [found[0].name.local for found in Grammars(schema).elements if len(found) > 1]
    assert several == (["eMAID"] if schema.name == "iso2" else [])


def _start(cls: type[XsdType], schema: MessageSet) -> State:
    return Grammars(schema).types[cls].start


def _names(state: State) -> list[str]:
    return [
        getattr(getattr(production.subject, "name", None), "local", production.event.name)
        for production in state.productions
    ]


def _width(state: State) -> int:
    return width_of(len(state.productions) + 1)


def test_members_of_a_substitution_group_stand_by_name_with_their_abstract_head() -> None:
    names = _names(_start(iso2.Body, iso2.SCHEMA))
    assert names[:-1] == sorted(names[:-1])
    assert "BodyElement" in names
    assert names[-1] == "END"
    assert _width(_start(iso2.Body, iso2.SCHEMA)) == 6


def test_attributes_stand_first_by_name() -> None:
    start = _start(xmldsig.Reference, xmldsig.SCHEMA)
    assert _names(start) == ["Id", "Type", "URI", "Transforms", "DigestMethod"]


def test_wildcards_and_mixed_content_widen_a_state() -> None:
    """The order is: named elements, any element, end, characters."""
    expected = {
        xmldsig.CanonicalizationMethod: ["START_ANY", "END", "TEXT"],
        xmldsig.Transform: ["XPath", "START_ANY", "END", "TEXT"],
    }
    for cls, names in expected.items():
        start = _start(cls, xmldsig.SCHEMA)
        content = start.productions[0].next
        assert isinstance(content, State)
        assert _names(content) == names
    key_info = _start(xmldsig.KeyInfo, xmldsig.SCHEMA).productions[0].next
    assert isinstance(key_info, State)
    assert _names(key_info)[-2:] == ["START_ANY", "TEXT"], "at least one element belongs there"
    after = key_info.productions[0].next
    assert isinstance(after, State)
    assert _names(after)[-3:] == ["START_ANY", "END", "TEXT"]
    assert _width(after) == 4


# Small schemas of our own


def schema_of(*elements: GlobalElement, classes: dict[str, type] | None = None) -> MessageSet:
    """Make a message set of the classes of this module that the elements need."""
    module = ModuleType(__name__)
    module.__dict__.update({"NAMESPACE": "urn:test", "ELEMENTS": elements, **(classes or {})})
    return MessageSet("test", "urn:test", (module,))


class Twice(XsdType, kw_only=True, metaclass=Message):
    item: Annotated[list[int], Element("Item", UNSIGNED_BYTE, occurs=(2, 3))]
    last: Annotated[bool | None, Element("Last", BOOLEAN)] = None


class Grouped(XsdType, kw_only=True, metaclass=Message):
    content: Annotated[
        list[Item | str],
        Content(Sequence((Child("A", STRING), Child("B", STRING, occurs=(0, 1))), (1, 2))),
    ]


class Options(XsdType, kw_only=True, metaclass=Message):
    one: Annotated[int | None, Element("One", UNSIGNED_BYTE, choice="c?")] = None
    two: Annotated[str | None, Element("Two", STRING, choice="c?")] = None
    end: Annotated[bytes, Element("End", HEX)]


def test_bounded_repetition_counts_instead_of_unrolling() -> None:
    grammar = Grammars(schema_of(classes={"Twice": Twice})).types[Twice]
    assert _names(grammar.start) == ["Item"]
    counter = grammar.start.productions[0].next
    assert counter is not None
    assert not isinstance(counter, State)
    assert (counter.minimum, counter.maximum) == (2, 3)
    assert _names(counter.below) == ["Item"]
    assert _names(counter.within) == ["Item", "Last", "END"]
    assert _names(counter.full) == ["Last", "END"]


def test_a_group_that_repeats_is_copied() -> None:
    """(A, B?) once or twice. A copy keeps its place in the schema, so A comes before B."""
    start = Grammars(schema_of(classes={"Grouped": Grouped})).types[Grouped].start

    def after(*path: str) -> list[str]:
        state = start
        for name in path:
            following = state.productions[_names(state).index(name)].next
            assert isinstance(following, State)
            state = following
        return _names(state)

    assert after() == ["A"]
    assert after("A") == ["A", "B", "END"]
    assert after("A", "B") == ["A", "END"]
    assert after("A", "A") == after("A", "B", "A") == ["B", "END"]
    assert after("A", "B", "A", "B") == ["END"]


def test_an_optional_choice_may_be_left_out() -> None:
    grammar = Grammars(schema_of(classes={"Options": Options})).types[Options]
    assert _names(grammar.start) == ["One", "Two", "End"]
    after = grammar.start.productions[0].next
    assert isinstance(after, State)
    assert _names(after) == ["End"]


class Keyword(XsdType, kw_only=True):
    item: Annotated[int, Element("Item", UNSIGNED_BYTE)]


class Endless(XsdType, kw_only=True, metaclass=Message):
    item: Annotated[list[int], Element("Item", UNSIGNED_BYTE)]


class Unmarked(XsdType, kw_only=True, metaclass=Message):
    item: int


class Untyped(XsdType, kw_only=True, metaclass=Message):
    item: Annotated[int, Element("Item")]


class Both(XsdType, kw_only=True, metaclass=Message):
    text: Annotated[str, Text(STRING)]
    item: Annotated[int, Element("Item", INTEGER)]


class Rivals(XsdType, kw_only=True, metaclass=Message):
    content: Annotated[list[Item | str], Content(Choice((Child("A", STRING), Child("A", INTEGER))))]


class Repeats(XsdType, kw_only=True, metaclass=Message):
    content: Annotated[list[Item | str], Content(Sequence((Child("A", STRING),), (0, 65)))]


class NotAlone(XsdType, kw_only=True, metaclass=Message):
    item: Annotated[int, Element("Item", INTEGER)]
    content: Annotated[list[Item | str], Content(Wildcard("##any"))]


class Lost(XsdType, kw_only=True, metaclass=Message):
    item: Annotated[int, Element("Nowhere", INTEGER, ref=True)]


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (Keyword, "lacks metaclass=Message"),
        (Endless, "does not say how often it occurs"),
        (Unmarked, "does not say where it stands"),
        (Untyped, "needs a datatype"),
        (Both, "has both text and elements"),
        (Rivals, "two particles compete for one element"),
        (Repeats, "a group repeats more than 64 times"),
        (NotAlone, "a content model stands alone"),
        (Lost, "no module of .* declares it"),
    ],
)
def test_what_no_grammar_can_be_made_from(cls: type[XsdType], reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        Grammars(schema_of(classes={cls.__name__: cls}))


class Letter(StrEnum):
    A = "a"


class Head(XsdType, kw_only=True, metaclass=Message):
    kind: Annotated[Letter, Attribute("kind")]


class Tail(Head, kw_only=True, metaclass=Message):
    more: Annotated[bool, Element("More", BOOLEAN)]


def test_groups_are_transitive_and_cross_modules() -> None:
    elements = (
        GlobalElement("Head", Head, abstract=True),
        GlobalElement("Middle", Tail, substitutes="Head"),
        GlobalElement("Low", Tail, substitutes="Middle", substitutes_ns="urn:test"),
    )
    grammars = Grammars(schema_of(*elements, classes={"Head": Head, "Tail": Tail}))
    group = grammars.group(Name("Head", "urn:test"))
    assert [declaration.name.local for declaration in group] == ["Head", "Low", "Middle"]
    assert [production.event for production in grammars.types[Tail].start.productions] == [Event.ATTRIBUTE]
