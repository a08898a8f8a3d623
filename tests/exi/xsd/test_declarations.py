from pathlib import Path

import pytest

from exi.xsd import XsdError
from tests.exi.xsd import mini
from tests.exi.xsd.mini_main import SCHEMA
from tests.exi.xsd.mutations import mutations


def cut(text: str, start: str, end: str) -> str:
    """Return the part of a text from one string up to another, both included."""
    first = text.index(start)
    return text[first : text.index(end, first) + len(end)]


EXTENSION = cut(mini.MAIN, '<xs:complexContent>\n      <xs:extension base="AskType">', "</xs:complexContent>")
KEY_CONTENT = cut(mini.TYPES, "<simpleContent>", "</simpleContent>")
UNUSED_TYPE = cut(mini.TYPES, '<complexType name="UnusedType">', "</complexType>")

CHANGES = {
    # name: (file, what stands there, what to write, (where, what, ours, theirs))
    "element renamed": (
        "types",
        'name="Level"',
        'name="Height"',
        ("type LeftType, element Height", "name", "Level", "Height"),
    ),
    "element left out": (
        "main",
        '<xs:element name="ID" type="xs:hexBinary"/>',
        "",
        ("type AskType, element ID", "content", "ID", "absent"),
    ),
    "element added": (
        "main",
        '<xs:element name="Key" type="t:nameType"/>',
        '<xs:element name="Key" type="t:nameType"/><xs:element name="Lock" type="xs:int" minOccurs="0"/>',
        ("type of element Envelope, element Lock", "content", "absent", "Lock?"),
    ),
    "order": (
        "types",
        '<element ref="t:X"/>\n        <element ref="t:Y"/>',
        '<element ref="t:Y"/>\n        <element ref="t:X"/>',
        ("type PathType, sequence", "order", "X, Y", "Y, X"),
    ),
    "optional made required": (
        "types",
        '"t:levelType" minOccurs="0"',
        '"t:levelType"',
        ("type LeftType, element Level", "occurrence", "0..1", "1..1"),
    ),
    "list made longer": (
        "types",
        'maxOccurs="3"',
        'maxOccurs="4"',
        ("type RightType, element Name", "occurrence", "1..3", "1..4"),
    ),
    "list without end": (
        "main",
        'maxOccurs="70"',
        'maxOccurs="unbounded"',
        ("type MoreType, element Note", "occurrence", "0..70", "0..unbounded"),
    ),
    "choice made optional": (
        "main",
        "<xs:choice>",
        '<xs:choice minOccurs="0">',
        ("type AskType, choice", "occurrence", "1..1", "0..1"),
    ),
    "choice made a sequence": (
        "types",
        '<choice maxOccurs="unbounded">\n        <element ref="t:Z"/>\n        <any/>\n      </choice>',
        '<sequence maxOccurs="unbounded">\n        <element ref="t:Z"/>\n        <any/>\n      </sequence>',
        ("type PathType, sequence", "content", "(Z | any(##any))+", "(Z, any(##any))+"),
    ),
    "local element made a reference": (
        "main",
        '<xs:element name="Ask" type="AskType"/>\n        <',
        '<xs:element ref="Ask"/>\n        <',
        (
            "type of element Envelope, element Ask",
            "declaration",
            "local element",
            "reference to a global element",
        ),
    ),
    "type of an element": (
        "main",
        'name="No" type="xs:int"',
        'name="No" type="xs:string"',
        ("type AskType, choice, element No", "datatype", "int", "string"),
    ),
    "simple for complex": (
        "main",
        'name="Early" type="t:LeftType"',
        'name="Early" type="t:levelType"',
        ("type AskType, choice, element Early", "type", "class Left", "type levelType"),
    ),
    "complex for simple": (
        "types",
        '<element name="X" type="integer"/>',
        '<element name="X" type="t:KeyType"/>',
        ("element X", "type", "xs:integer", "type KeyType"),
    ),
    "another complex type": (
        "main",
        'name="Key" type="t:KeyType"',
        'name="Key" type="t:LeftType"',
        (
            "type AskType, element Key",
            "type",
            "class Key",
            "type LeftType (class Left)",
        ),
    ),
    "lower bound": (
        "types",
        'minInclusive value="-3"',
        'minInclusive value="-4"',
        ("type levelType (type LeftType, element Level)", "minInclusive", "-3", "-4"),
    ),
    "upper bound of an anonymous type": (
        "main",
        'maxInclusive value="86400"',
        'maxInclusive value="86399"',
        ("type AskType, element Count", "maxInclusive", "86400", "86399"),
    ),
    "bound of an unused type": (
        "types",
        'maxInclusive value="1024"',
        'maxInclusive value="1025"',
        ("type unusedLevelType (unused)", "maxInclusive", "1024", "1025"),
    ),
    "longest": (
        "types",
        'maxLength value="20"',
        'maxLength value="21"',
        (
            "type nameType (type of element Envelope, element Key)",
            "maxLength",
            "20",
            "21",
        ),
    ),
    "exact length": (
        "types",
        '<length value="4"/>',
        '<length value="5"/>',
        ("type tokenType (type KeyType, text)", "minLength", "4", "5"),
    ),
    "facet left out": (
        "types",
        '<minLength value="1"/>',
        "",
        ("type nameType (type of element Envelope, element Key)", "minLength", "1", "0"),
    ),
    "built-in type behind a simple type": (
        "types",
        'base="base64Binary"',
        'base="hexBinary"',
        ("type tokenType (type KeyType, text)", "datatype", "base64Binary", "hexBinary"),
    ),
    "order of an enumeration": (
        "types",
        '<enumeration value="red"/>\n      <enumeration value="deep blue"/>',
        '<enumeration value="deep blue"/>\n      <enumeration value="red"/>',
        (
            "type colourType (type LeftType, element Colour)",
            "order of values",
            "red, deep blue, green",
            "deep blue, red, green",
        ),
    ),
    "value of an enumeration": (
        "types",
        '"deep blue"',
        '"deep_blue"',
        ("type colourType (type LeftType, element Colour)", "value 2", "'deep blue'", "'deep_blue'"),
    ),
    "value added": (
        "types",
        '<enumeration value="light"/>',
        '<enumeration value="light"/><enumeration value="none"/>',
        ("type shadeType (type UnusedType, element Shade)", "value 3", "absent", "'none'"),
    ),
    "enumeration made a string": (
        "types",
        '<enumeration value="dark"/>\n      <enumeration value="light"/>',
        "",
        (
            "type shadeType (type UnusedType, element Shade)",
            "type",
            "class Shade",
            "type shadeType, no enumeration",
        ),
    ),
    "string made an enumeration": (
        "types",
        '<minLength value="1"/>\n      <maxLength value="20"/>',
        '<enumeration value="a"/>',
        (
            "type nameType (type of element Envelope, element Key)",
            "type",
            "xs:string, no enumeration",
            "type nameType",
        ),
    ),
    "enumeration of another type": (
        "types",
        '<restriction base="string">\n      <enumeration value="dark"/>',
        '<restriction base="anyURI">\n      <enumeration value="dark"/>',
        ("type shadeType (type UnusedType, element Shade)", "datatype", "string", "anyURI"),
    ),
    "attribute made optional": (
        "types",
        'type="anyURI" use="required"',
        'type="anyURI"',
        ("type RightType, attribute Kind", "use", "required", "optional"),
    ),
    "attribute made required": (
        "main",
        'use="optional"',
        'use="required"',
        ("type AskType, attribute version", "use", "optional", "required"),
    ),
    "attribute renamed": (
        "types",
        'name="Kind"',
        'name="Sort"',
        ("type RightType, attribute Sort", "attribute", "absent", "declared"),
    ),
    "attribute without namespace": (
        "types",
        'attributeFormDefault="qualified"',
        "",
        ("type RightType, attribute Kind", "namespace", "urn:mini:types", "none"),
    ),
    "type of an attribute": (
        "types",
        'type="ID" use="required"',
        'type="string" use="required"',
        ("type KeyType, attribute Id", "datatype", "ID", "string"),
    ),
    "element no more abstract": (
        "types",
        'type="t:BaseType" abstract="true"',
        'type="t:BaseType"',
        ("element Base", "abstract", "True", "False"),
    ),
    "type no more abstract": (
        "types",
        '<complexType name="BaseType" abstract="true">',
        '<complexType name="BaseType">',
        ("type BaseType", "abstract, in the docstring", "True", "False"),
    ),
    "out of the substitution group": (
        "types",
        ' type="t:RightType" substitutionGroup="t:Base"',
        ' type="t:RightType"',
        ("element Right", "substitution group", "Base", "none"),
    ),
    "into a substitution group": (
        "main",
        'name="More" type="MoreType"',
        'name="More" type="MoreType" substitutionGroup="t:Note"',
        ("element More", "substitution group", "none", "Note of urn:mini:types"),
    ),
    "elements without namespace": (
        "main",
        'elementFormDefault="qualified"',
        'elementFormDefault="unqualified"',
        ("type AskType, element ID", "namespace", "urn:mini:main", "none"),
    ),
    "wildcard": (
        "types",
        'namespace="##other"',
        'namespace="##any"',
        ("type NoteType, any", "namespace", "##other", "##any"),
    ),
    "mixed content": (
        "types",
        '<complexType name="PathType">',
        '<complexType name="PathType" mixed="true">',
        ("type PathType", "mixed", "False", "True"),
    ),
    "no simple content": (
        "types",
        KEY_CONTENT,
        '<attribute name="Id" type="ID" use="required"/>',
        ("type KeyType", "simple content", "xs:base64Binary", "absent"),
    ),
    "no base": (
        "main",
        EXTENSION,
        EXTENSION.partition('base="AskType">')[2].partition("</xs:extension>")[0],
        ("type MoreType", "base", "class Ask", "absent"),
    ),
    "another base": (
        "types",
        'name="RightType">\n    <complexContent>\n      <extension base="t:BaseType">',
        'name="RightType">\n    <complexContent>\n      <extension base="t:UnusedType">',
        (
            "type RightType, base",
            "type",
            "class Base (type BaseType)",
            "type UnusedType",
        ),
    ),
    "global element added": (
        "types",
        '<element name="Y" type="integer"/>',
        '<element name="Y" type="integer"/><element name="W" type="integer"/>',
        ("element W", "global element", "absent", "declared"),
    ),
    "global element left out": (
        "main",
        '<xs:element name="Again" type="AskType"/>',
        "",
        ("element Again", "global element", "declared", "absent"),
    ),
    "type added": (
        "types",
        "</schema>",
        '<complexType name="NewType"/></schema>',
        ("type NewType", "type", "absent", "declared"),
    ),
    "simple type added": (
        "types",
        "</schema>",
        '<simpleType name="newType"><restriction base="string"/></simpleType></schema>',
        ("type newType", "type name", "absent", "declared"),
    ),
    "type left out": (
        "types",
        UNUSED_TYPE,
        "",
        ("class Unused", "type", "declared", "absent"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_reported_in_its_place(tmp_path: Path, change: str) -> None:
    name, before, after, expected = CHANGES[change]
    files = {"main": mini.MAIN, "types": mini.TYPES}
    assert files[name].count(before) == 1, "the change does not apply"
    files[name] = files[name].replace(before, after)
    folder = mini.write(tmp_path, **files)
    assert not folder.errors
    found = mini.differences(folder)
    assert expected in [(entry.where, entry.what, entry.ours, entry.theirs) for entry in found]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("optional made required", 17),
        ("lower bound", 79),
        ("order of an enumeration", 85),
        ("attribute made optional", 29),
        ("element no more abstract", 5),
    ],
)
def test_a_difference_names_the_line_of_the_xsd(tmp_path: Path, change: str, line: int) -> None:
    _, before, after, expected = CHANGES[change]
    folder = mini.write(tmp_path, types=mini.TYPES.replace(before, after))
    (found,) = (
        entry
        for entry in mini.differences(folder)
        if (entry.where, entry.what, entry.ours, entry.theirs) == expected
    )
    assert found.place is not None
    assert found.place.path == tmp_path / "deeper" / "types.XSD"
    assert found.place.line == line
    assert str(found) == (
        f"{expected[0]}: {expected[1]}\n    ours  {expected[2]}\n"
        f"    XSD   {expected[3]} ({tmp_path}/deeper/types.XSD:{line})"
    )


def test_equal_declarations(tmp_path: Path) -> None:
    assert mini.differences(mini.write(tmp_path)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<xs:sequence>", '<xs:sequence minOccurs="1" maxOccurs="1">'),
        ('<xs:element name="Yes" type="xs:boolean"/>', '<xs:sequence><xs:element name="Yes" type="xs:boolean"/></xs:sequence>'),
        (' use="optional"', ""),
        ('version="1"', 'version="2"'),
        ('processContents="lax"', 'processContents="strict"'),
        ("<any/>", '<any namespace="##any" processContents="skip"/>'),
        (
            '<element name="Y" type="integer"/>\n  <element name="Z" type="t:levelType"/>',
            '<element name="Z" type="t:levelType"/>\n  <element name="Y" type="integer"/>',
        ),
        ('<length value="4"/>', '<minLength value="4"/><maxLength value="4"/>'),
        ('abstract="true"', 'abstract="1"'),
        ('<enumeration value="red"/>', '<enumeration value="red"><annotation><appinfo/></annotation></enumeration>'),
    ],
)  # fmt: skip
def test_what_says_the_same_is_equal(tmp_path: Path, before: str, after: str) -> None:
    main, types = (text.replace(before, after) for text in (mini.MAIN, mini.TYPES))
    assert mini.differences(mini.write(tmp_path, main=main, types=types)) == []


def test_every_single_change_is_noticed(tmp_path: Path) -> None:
    folder = mini.write(tmp_path)
    unnoticed: list[str] = []
    tried = 0
    for source in folder.sources.values():
        for mutation in mutations(source.root):
            tried += 1
            with mutation.applied():
                try:
                    found = mini.differences(folder)
                except XsdError:
                    continue  # A reference that leads nowhere: noticed, too.
                if not found:
                    unnoticed.append(mutation.label)
    assert not unnoticed
    assert tried > 400
    assert mini.differences(folder) == [], "a change was not taken back"


def test_the_name_of_a_type_counts(tmp_path: Path) -> None:
    """String tables hold it; a class states it in its docstring, too."""
    found = mini.differences(
        mini.write(
            tmp_path,
            main=mini.MAIN.replace("LeftType", "LeftKind"),
            types=mini.TYPES.replace("LeftType", "LeftKind"),
        )
    )
    seen = {(entry.where, entry.what, entry.ours, entry.theirs) for entry in found}
    assert ("type LeftType", "type name", "declared", "absent") in seen
    assert ("type LeftKind", "type name", "absent", "declared") in seen
    assert ("type LeftKind", "type name in the docstring", "LeftType", "LeftKind") in seen


def test_an_enumeration_that_only_we_have(tmp_path: Path) -> None:
    types = mini.TYPES.replace(cut(mini.TYPES, '<simpleType name="shadeType">', "</simpleType>"), "")
    found = mini.differences(mini.write(tmp_path, types=types.replace(UNUSED_TYPE, "")))
    labels = [entry.where for entry in found if (entry.ours, entry.theirs) == ("declared", "absent")]
    assert labels == ["type UnusedType", "type shadeType", "class Unused", "class Shade"]


def test_a_namespace_that_only_one_side_has(tmp_path: Path) -> None:
    types = mini.TYPES.replace("urn:mini:types", "urn:mini:kinds")
    main = mini.MAIN.replace("urn:mini:types", "urn:mini:kinds")
    found = mini.differences(mini.write(tmp_path, main=main, types=types))
    assert [(entry.where, entry.ours, entry.theirs) for entry in found[:2]] == [
        ("namespace urn:mini:types", "declared", "absent"),
        ("namespace urn:mini:kinds", "absent", "declared"),
    ]


def test_an_unused_import_counts(tmp_path: Path) -> None:
    """Fragment codes depend on every file of a set, used or not."""
    (tmp_path / "third.xsd").write_text(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:mini:third"/>'
    )
    main = mini.MAIN.replace("<xs:import", '<xs:import namespace="urn:mini:third"/><xs:import')
    found = mini.differences(mini.write(tmp_path, main=main))
    assert found[0].where == "namespace urn:mini:third"
    assert SCHEMA.namespace == "urn:mini:main"
