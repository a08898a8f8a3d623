import pytest

from exi.errors import ExiError
from exi.xmltree import Node, parse, serialize

XML = "http://www.w3.org/XML/1998/namespace"


def test_names_texts_and_attributes_survive() -> None:
    node = Node(
        ("a", "urn:1"), {("b", ""): "<\"&'\t\n\r>", ("c", "urn:2"): "d"}, ["e<&>\r\n", Node(("f", ""))]
    )
    text = serialize(node, {"urn:1": "p"})
    assert text.startswith('<p:a xmlns:p="urn:1" xmlns:ns1="urn:2" b=')
    again = parse(text)
    assert (again.name, again.attributes) == (node.name, node.attributes)
    assert again.content[0] == "e<&>\r\n"
    assert again.text() is None
    assert again.content[1].text() == ""  # type: ignore[union-attr]


def test_indentation_leaves_mixed_content_alone() -> None:
    inner = Node(("c", ""), {}, ["text"])
    node = Node(("a", ""), {}, [Node(("b", ""), {}, [inner]), Node(("d", ""), {}, ["x", Node(("e", ""))])])
    assert serialize(node, {}, indent=2) == "<a>\n  <b>\n    <c>text</c>\n  </b>\n  <d>x<e/></d>\n</a>"
    assert serialize(node, {}) == "<a><b><c>text</c></b><d>x<e/></d></a>"


@pytest.mark.parametrize("character", ["\0", "\x1f", "\ufffe", "\ud800"])
def test_characters_that_xml_does_not_have(character: str) -> None:
    with pytest.raises(ExiError, match=f"U\\+{ord(character):04X}"):
        serialize(Node(("a", ""), {}, [character]), {})


@pytest.mark.parametrize(
    "text", ["", "text", "<a>", "<a></b>", "<a/><b/>", "<p:a/>", "\x00", "<a>\ud800</a>"]
)
def test_what_is_not_well_formed(text: str) -> None:
    with pytest.raises(ExiError, match="not well-formed XML"):
        parse(text)
