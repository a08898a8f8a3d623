"""XML text and a tree of plain nodes: what :mod:`exi.xmltext` reads messages from and writes them to.

Document type declarations are refused, and with them every entity a text could define.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

import msgspec

from exi.errors import ExiError
from exi.names import XML, XSI
from exi.walk import MAX_DEPTH

QName = tuple[str, str]
"""Local name and URI."""


class Node(msgspec.Struct, eq=False):
    """An element: its name, its attributes' texts, its children and texts in order."""

    name: QName
    attributes: dict[QName, str] = {}
    content: "list[Node | str]" = []

    def text(self) -> str | None:
        """Return the text of an element without children, None for one with children."""
        parts = [part for part in self.content if isinstance(part, str)]
        return "".join(parts) if len(parts) == len(self.content) else None

    def nodes(self) -> "Iterator[Node]":
        """Yield this node and all below it."""
        yield self
        for part in self.content:
            if isinstance(part, Node):
                yield from part.nodes()


def parse(text: str) -> Node:
    """Return the root of an XML text. Raises ExiError where it is not well-formed."""
    roots: list[Node] = []
    stack: list[Node] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        node = Node(_split(name), {_split(key): value for key, value in attributes.items()})
        if len(stack) > MAX_DEPTH:
            raise ExiError(f"elements nest deeper than {MAX_DEPTH}")
        (stack[-1].content if stack else roots).append(node)
        stack.append(node)

    def characters(data: str) -> None:
        content = stack[-1].content
        if content and isinstance(content[-1], str):
            content[-1] += data
        else:
            content.append(data)

    def doctype(*_: object) -> None:
        raise ExiError("a document type declaration is not allowed")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ExiError(f"not well-formed XML: {error}") from None
    except UnicodeEncodeError as error:
        raise ExiError(f"not well-formed XML: a lone surrogate at character {error.start}") from None
    return roots[0]


def _split(name: str) -> QName:
    uri, _, local = name.rpartition(" ")
    return (local, uri)


_NOT_XML: Final = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_TEXT_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_ATTRIBUTE_ESCAPES: Final = str.maketrans(
    {"&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
)


def serialize(root: Node, prefixes: dict[str, str], *, indent: int | None = None) -> str:
    """Return the text of a tree; ``prefixes`` maps namespaces to prefixes.

    ``indent`` puts each element on its own line, except below mixed content. Raises ExiError for a
    character that XML cannot hold.
    """
    uris = {uri: None for node in root.nodes() for _, uri in (node.name, *node.attributes) if uri}
    declared: dict[str, str] = {"": ""}
    for number, uri in enumerate(uris):
        prefix = prefixes.get(uri, f"ns{number}")
        declared[uri] = f"{prefix}:"
    pieces: list[str] = []
    names = "".join(f' xmlns:{declared[uri][:-1]}="{_escape(uri, _ATTRIBUTE_ESCAPES)}"' for uri in uris)
    _write(root, declared, names, pieces, "\n" if indent is not None else "", " " * (indent or 0))
    return "".join(pieces)


def _write(
    node: Node, prefixes: dict[str, str], names: str, pieces: list[str], newline: str, step: str
) -> None:
    local, uri = node.name
    tag = prefixes[uri] + local
    pieces.append(f"<{tag}{names}")
    for (name, namespace), value in node.attributes.items():
        pieces.append(f' {prefixes[namespace]}{name}="{_escape(value, _ATTRIBUTE_ESCAPES)}"')
    if not node.content:
        pieces.append("/>")
        return
    pieces.append(">")
    inner = newline + step if newline and all(isinstance(part, Node) for part in node.content) else ""
    for part in node.content:
        pieces.append(inner)
        if isinstance(part, Node):
            _write(part, prefixes, "", pieces, inner, step)
        else:
            pieces.append(_escape(part, _TEXT_ESCAPES))
    if inner:
        pieces.append(newline)
    pieces.append(f"</{tag}>")


def _escape(text: str, escapes: dict[int, str]) -> str:
    bad = re.search(_NOT_XML, text)
    if bad is not None:
        raise ExiError(f"XML cannot hold the character U+{ord(bad.group()):04X}")
    return text.translate(escapes)


def is_ignorable(name: QName) -> bool:
    """Tell whether an attribute says nothing about the message: schema locations, language, space."""
    local, uri = name
    return uri == XML or (uri == XSI and local in {"schemaLocation", "noNamespaceSchemaLocation"})
