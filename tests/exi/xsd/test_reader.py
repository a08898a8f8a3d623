from pathlib import Path

import pytest

from exi.schema import ANY_URI, BASE64, BYTE, STRING
from exi.xsd.model import ComplexType, SchemaSet, SimpleType
from exi.xsd.reader import read_set
from exi.xsd.source import Folder, XsdError
from tests.exi.xsd import mini

HEAD = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:a" xmlns:b="urn:b"\n'
    ' targetNamespace="urn:a">\n'
)


def read(directory: Path, body: str) -> SchemaSet:
    (directory / "a.xsd").write_text(f"{HEAD}{body}\n</xs:schema>")
    return read_set(Folder(directory), "urn:a")


def in_type(content: str) -> str:
    return f'<xs:complexType name="T">{content}</xs:complexType>'


def in_sequence(content: str) -> str:
    return in_type(f"<xs:sequence>{content}</xs:sequence>")


def restricted(base: str, facets: str) -> str:
    return f'<xs:simpleType name="t"><xs:restriction base="{base}">{facets}</xs:restriction></xs:simpleType>'


UNSUPPORTED = {
    "include": ('<xs:include schemaLocation="b.xsd"/>', "xs:include in xs:schema is not supported"),
    "redefine": ('<xs:redefine schemaLocation="b.xsd"/>', "xs:redefine in xs:schema is not supported"),
    "group": ('<xs:group name="g"/>', "xs:group in xs:schema is not supported"),
    "global attribute": ('<xs:attribute name="a"/>', "xs:attribute in xs:schema is not supported"),
    "notation": ('<xs:notation name="n"/>', "xs:notation in xs:schema is not supported"),
    "all": (in_type("<xs:all/>"), "xs:all in xs:complexType is not supported"),
    "any attribute": (in_type("<xs:anyAttribute/>"), "xs:anyAttribute in xs:complexType is not supported"),
    "group reference": (in_sequence('<xs:group ref="g"/>'), "xs:group in xs:sequence is not supported"),
    "final": ('<xs:complexType name="T" final="#all"/>', "the attribute final of xs:complexType"),
    "nillable": (
        '<xs:element name="e" type="xs:int" nillable="true"/>',
        "the attribute nillable of xs:element is not supported here",
    ),
    "default": ('<xs:element name="e" type="xs:int" default="1"/>', "the attribute default of xs:element"),
    "form": (in_sequence('<xs:element name="e" type="xs:int" form="qualified"/>'), "the attribute form"),
    "local abstract": (in_sequence('<xs:element name="e" type="xs:int" abstract="true"/>'), "attribute abstract"),
    "key": ('<xs:element name="e"><xs:key name="k"/></xs:element>', "xs:key in xs:element is not supported"),
    "block default": ("", "the attribute blockDefault of xs:schema is not supported here"),
    "fixed attribute": (in_type('<xs:attribute name="a" type="xs:int" fixed="1"/>'), "the attribute fixed"),
    "prohibited": (in_type('<xs:attribute name="a" type="xs:int" use="prohibited"/>'), "use='prohibited'"),
    "restriction of content": (
        in_type('<xs:complexContent><xs:restriction base="T"/></xs:complexContent>'),
        "xs:restriction in xs:complexContent is not supported",
    ),
    "list": ('<xs:simpleType name="t"><xs:list itemType="xs:int"/></xs:simpleType>', "xs:list in xs:simpleType"),
    "union": ('<xs:simpleType name="t"><xs:union memberTypes="xs:int"/></xs:simpleType>', "xs:union in"),
    "pattern": (restricted("xs:string", '<xs:pattern value="a"/>'), "xs:pattern in xs:restriction is not"),
    "white space": (restricted("xs:string", '<xs:whiteSpace value="collapse"/>'), "xs:whiteSpace in"),
    "exclusive bound": (restricted("xs:int", '<xs:minExclusive value="1"/>'), "xs:minExclusive in"),
    "fixed facet": (restricted("xs:int", '<xs:minInclusive value="1" fixed="true"/>'), "the attribute fixed"),
    "integer enumeration": (restricted("xs:int", '<xs:enumeration value="1"/>'), "an enumeration of int"),
    "length of an integer": (restricted("xs:int", '<xs:length value="1"/>'), "xs:length does not apply to int"),
    "bound of a string": (restricted("xs:string", '<xs:minInclusive value="1"/>'), "xs:minInclusive does not"),
    "two facets": (
        restricted("xs:string", '<xs:length value="1"/><xs:length value="2"/>'),
        "xs:length stands twice",
    ),
    "two values": (
        restricted("xs:string", '<xs:enumeration value="a"/><xs:enumeration value="a"/>'),
        "the value 'a' stands twice",
    ),
    "enumeration with length": (
        restricted("xs:string", '<xs:enumeration value="a"/><xs:length value="1"/>'),
        "an enumeration with further facets is not supported",
    ),
    "facet that is no number": (restricted("xs:int", '<xs:minInclusive value="1_0"/>'), "value='1_0' is not a number"),
    "decimal": (restricted("xs:decimal", ""), "the built-in type xs:decimal is not supported"),
    "list of URIs": (in_sequence('<xs:any namespace="urn:a urn:b"/>'), "a wildcard for 'urn:a urn:b'"),
    "never": (in_sequence('<xs:any maxOccurs="0"/>'), "xs:any occurs 1 to 0 times: not supported"),
    "more than at most": (in_sequence('<xs:any minOccurs="3" maxOccurs="2"/>'), "xs:any occurs 3 to 2 times"),
    "too often": (in_sequence('<xs:any maxOccurs="65536"/>'), "xs:any occurs 1 to 65536 times"),
    "negative": (in_sequence('<xs:any minOccurs="-1" maxOccurs="2"/>'), "xs:any occurs -1 to 2 times"),
    "no alternatives": (in_type("<xs:choice/>"), "a choice without alternatives"),
    "content twice": (in_type("<xs:sequence/><xs:sequence/>"), "xs:sequence may not stand here"),
    "content behind attributes": (
        in_type('<xs:attribute name="a" type="xs:int"/><xs:sequence/>'),
        "xs:sequence may not stand here",
    ),
    "attribute twice": (
        in_type('<xs:attribute name="a" type="xs:int"/><xs:attribute name="a" type="xs:int"/>'),
        "the attribute a is declared twice",
    ),
    "attribute without type": (in_type('<xs:attribute name="a"/>'), "the attribute a needs one type"),
    "element without type": ('<xs:element name="e"/>', "the element e needs one type"),
    "element with two types": (
        '<xs:element name="e" type="xs:int"><xs:complexType/></xs:element>',
        "the element e needs one type",
    ),
    "element without name": ('<xs:element type="xs:int"/>', "xs:element needs the attribute name"),
    "two elements": ('<xs:element name="e" type="xs:int"/>' * 2, "the element e is declared twice"),
    "two types": (in_type("") * 2, "the type T is declared twice"),
    "two kinds of type": (in_type("") + restricted("xs:int", "").replace('"t"', '"T"'), "the type T is declared twice"),
    "unknown type": ('<xs:element name="e" type="Gone"/>', "there is no simple type Gone in urn:a"),
    "unknown base": (
        in_type('<xs:complexContent><xs:extension base="Gone"/></xs:complexContent>'),
        "there is no complex type Gone in urn:a",
    ),
    "simple content of complex type": (
        in_type('<xs:simpleContent><xs:extension base="T"/></xs:simpleContent>'),
        "there is no simple type T in urn:a",
    ),
    "no base": (
        in_type("<xs:simpleContent><xs:extension/></xs:simpleContent>"),
        "xs:extension needs the attribute base",
    ),
    "empty content": (in_type("<xs:simpleContent/>"), "xs:simpleContent has 0 children, not 1"),
    "simple type without restriction": ('<xs:simpleType name="t"/>', "xs:simpleType has 0 children, not 1"),
    "unknown reference": (in_sequence('<xs:element ref="gone"/>'), "there is no global element gone in urn:a"),
    "unknown head": (
        '<xs:element name="e" type="xs:int" substitutionGroup="gone"/>',
        "there is no global element gone in urn:a",
    ),
    "not imported": ('<xs:element name="e" type="b:T"/>', "T is of 'urn:b', which the file does not import"),
    "no namespace": ('<xs:element name="e" type="T" xmlns=""/>', "T is of '', which the file does not import"),
    "import of nothing": ("<xs:import/>", "xs:import needs the attribute namespace"),
    "import from nowhere": ('<xs:import namespace="urn:c"/>', "declares the namespace urn:c"),
    "type derived from itself": (restricted("t", ""), "the type t is derived from itself"),
    "types derived from each other": (
        restricted("u", "") + restricted("t", "").replace('"t"', '"u"', 1),
        "is derived from itself",
    ),
    "extension of itself": (
        in_type('<xs:complexContent><xs:extension base="T"/></xs:complexContent>'),
        "the type T extends itself",
    ),
    "complex content over simple content": (
        in_type('<xs:simpleContent><xs:extension base="xs:int"/></xs:simpleContent>')
        + '<xs:complexType name="U"><xs:complexContent><xs:extension base="T"/></xs:complexContent></xs:complexType>',
        "the type U extends simple content by complex content",
    ),
    "mixed over not mixed": (
        in_sequence("")
        + '<xs:complexType name="U" mixed="true"><xs:complexContent><xs:extension base="T"/></xs:complexContent>'
        "</xs:complexType>",
        "the type U and its base do not agree about mixed content",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_is_not_supported_is_refused(tmp_path: Path, case: str) -> None:
    body, reason = UNSUPPORTED[case]
    text = f"{HEAD}{body}\n</xs:schema>"
    if case == "block default":
        text = text.replace(" targetNamespace", ' blockDefault="#all" targetNamespace')
    (tmp_path / "a.xsd").write_text(text)
    with pytest.raises(XsdError) as caught:
        read_set(Folder(tmp_path), "urn:a")
    assert reason in caught.value.reason
    assert caught.value.place.path == tmp_path / "a.xsd"
    assert caught.value.place.line == (1 if case == "block default" else 3)


@pytest.mark.parametrize(("form", "value"), [("elementFormDefault", "yes"), ("attributeFormDefault", "")])
def test_form_defaults_are_read_exactly(tmp_path: Path, form: str, value: str) -> None:
    text = HEAD.replace(" targetNamespace", f' {form}="{value}" targetNamespace')
    (tmp_path / "a.xsd").write_text(f"{text}</xs:schema>")
    with pytest.raises(XsdError, match="is neither qualified nor unqualified"):
        read_set(Folder(tmp_path), "urn:a")


def test_the_model_of_the_miniature_set(tmp_path: Path) -> None:
    xsd = read_set(mini.write(tmp_path), "urn:mini:main")
    assert list(xsd.files) == ["urn:mini:main", "urn:mini:types"]
    main, types = xsd.files.values()
    assert (main.path, types.path) == (tmp_path / "main.xsd", tmp_path / "deeper" / "types.XSD")
    assert [name for name, element in types.elements.items() if element.abstract] == ["Base"]
    right = types.elements["Right"]
    assert right.head == types.elements["Base"].name
    assert isinstance(right.type, ComplexType)
    assert [kind.label for kind in right.type.lineage()] == ["type BaseType", "type RightType"]
    assert [(use.name.uri, use.required) for use in right.type.attributes] == [("urn:mini:types", True)]
    ask = main.types["AskType"]
    assert isinstance(ask, ComplexType)
    assert [use.name.uri for use in ask.attributes] == [""]
    occurs = {part.element.name.local: part.occurs for part in ask.element_particles()}
    assert occurs["Count"] == (2, 5)
    assert occurs["Total"] == (2, None)
    assert {part.element.name.uri for part in ask.element_particles()} == {"urn:mini:main", "urn:mini:types"}
    assert [part.element.name.local for part in ask.element_particles() if part.ref] == ["Base"]
    assert len({element.name for element in xsd.declarations()}) == 25
    assert sum(kind.facets for kind in xsd.simple_types) == 13


def test_facets_are_inherited(tmp_path: Path) -> None:
    xsd = read(
        tmp_path,
        restricted("u", '<xs:maxLength value="9"/>')
        + restricted("xs:anyURI", '<xs:minLength value="2"/>').replace('"t"', '"u"')
        + restricted("xs:base64Binary", '<xs:length value="4"/>').replace('"t"', '"v"')
        + restricted("xs:string", '<xs:enumeration value="a"/>').replace('"t"', '"w"')
        + restricted("w", "").replace('"t"', '"x"')
        + restricted("xs:byte", '<xs:minInclusive value=" +5 "/>').replace('"t"', '"y"'),
    )
    types = xsd.files["urn:a"].types
    found: dict[str, SimpleType] = {
        name: kind for name, kind in types.items() if isinstance(kind, SimpleType)
    }
    assert found["t"].datatype == ANY_URI.restrict(min_length=2, max_length=9)
    assert found["v"].datatype == BASE64.restrict(length=4)
    assert (found["x"].datatype, found["x"].values) == (STRING, ("a",))
    assert found["y"].datatype == BYTE.restrict(minimum=5)


def test_types_and_elements_may_refer_to_each_other(tmp_path: Path) -> None:
    """Two files that import each other, an anonymous type that holds its own element."""
    (tmp_path / "b.xsd").write_text(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema" xmlns:a="urn:a" targetNamespace="urn:b">'
        '<import namespace="urn:a"/><complexType name="T"><sequence><element ref="a:e"/></sequence>'
        "</complexType></schema>"
    )
    xsd = read(
        tmp_path,
        '<xs:import namespace="urn:b" schemaLocation="gone.xsd"/><xs:element name="e"><xs:complexType>'
        '<xs:sequence><xs:element ref="e" minOccurs="0"/><xs:element name="f" type="b:T"/></xs:sequence>'
        "</xs:complexType></xs:element>",
    )
    element = xsd.files["urn:a"].elements["e"]
    assert isinstance(element.type, ComplexType)
    inner = next(element.type.element_particles())
    assert inner.element is element
    assert element.type.label == "type of element e"


def test_anonymous_types(tmp_path: Path) -> None:
    xsd = read(
        tmp_path,
        in_sequence(
            '<xs:element name="e"><xs:complexType mixed="true"><xs:attribute name="a"><xs:simpleType>'
            '<xs:restriction base="xs:string"><xs:length value="2"/></xs:restriction></xs:simpleType>'
            "</xs:attribute></xs:complexType></xs:element>"
        ),
    )
    outer, inner = xsd.complex_types
    assert (outer.label, inner.label, inner.mixed) == ("type T", "type of element e", True)
    (attribute,) = inner.attributes
    assert attribute.type.label == "type of attribute a"
    assert attribute.type.datatype == STRING.restrict(length=2)
    assert xsd.simple_types == [attribute.type]
