"""XSD files as trees of plain nodes that know their line, and a folder of them by target namespace.

Document type declarations are read only as far as the W3C's own ``xmldsig-core-schema.xsd`` needs it: an internal
subset may declare things, but no external subset is loaded and no entity may be used.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.parsers import expat

import msgspec

from exi.grammar import Name
from exi.names import XML, XSD

MAX_BYTES: Final = 4 * 2**20
"""Largest XSD file that is read; the largest official one has 40 kB."""

_MAX_DEPTH: Final = 64
_ENTITY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)([^#;\s][^;\s]*);")
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class Place(msgspec.Struct, frozen=True):
    """A line of a file; line 0 stands for the file as a whole."""

    path: Path
    line: int = 0

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else str(self.path)


class XsdError(Exception):
    """An XSD file that cannot be read, or says what is not supported: ``place`` and ``reason``."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


class Node(msgspec.Struct, eq=False):
    """One element of an XSD file, annotations left out.

    ``attributes`` are those without namespace, the only ones that XSD gives a meaning; ``prefixes`` are the
    namespace prefixes in scope, the default under ``""``.
    """

    tag: str
    attributes: dict[str, str]
    prefixes: dict[str, str]
    place: Place
    children: "list[Node]" = []

    def get(self, attribute: str) -> str | None:
        """Return an attribute's value, None where it is absent."""
        return self.attributes.get(attribute)

    def need(self, attribute: str) -> str:
        """Return an attribute's value. Raises XsdError where it is absent."""
        value = self.attributes.get(attribute)
        if value is None:
            raise XsdError(self.place, f"xs:{self.tag} needs the attribute {attribute}")
        return value

    def qname(self, attribute: str) -> Name | None:
        """Return the qualified name that an attribute holds, None where it is absent."""
        value = self.attributes.get(attribute)
        if value is None:
            return None
        prefix, colon, local = value.strip().rpartition(":")
        uri = self.prefixes.get(prefix)
        if uri is None and colon:
            raise XsdError(self.place, f"{attribute}={value!r}: the prefix {prefix} is not declared")
        return Name(local, uri or "")

    def flag(self, attribute: str) -> bool:
        """Return a boolean attribute, False where it is absent."""
        value = self.attributes.get(attribute, "false").strip()
        if value not in {"true", "false", "1", "0"}:
            raise XsdError(self.place, f"{attribute}={value!r} is not a boolean")
        return value in {"true", "1"}

    def digest(self) -> tuple[object, ...]:
        """Return what tells two files apart that say different things."""
        return (
            self.tag,
            tuple(sorted(self.attributes.items())),
            tuple(sorted(self.prefixes.items())),
            tuple(child.digest() for child in self.children),
        )


class Source(msgspec.Struct, eq=False):
    """One XSD file: its root node and its target namespace."""

    path: Path
    root: Node
    namespace: str


def read_source(path: Path) -> Source:
    """Read one XSD file. Raises XsdError: unreadable, too large, not well-formed, or not an XSD."""
    root = _Reader(path).read(_text(path))
    return Source(path, root, root.attributes.get("targetNamespace", ""))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise XsdError(Place(path), error.strerror or str(error)) from error
    if len(data) > MAX_BYTES:
        raise XsdError(Place(path), f"the file has more than {MAX_BYTES} bytes")
    try:
        return data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise XsdError(Place(path, line), f"the text is not UTF-8: {error.reason}") from error


class _Reader:
    """Builds the nodes of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""
        self.roots: list[Node] = []
        self.stack: list[Node] = []
        self.scopes: list[dict[str, str]] = [{"xml": XML}]
        self.declared: dict[str, str] = {}
        self.annotation = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartNamespaceDeclHandler = self._prefix
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def read(self, text: str) -> Node:
        self.text = text
        try:
            self.parser.Parse(text, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise XsdError(Place(self.path, error.lineno), f"not well-formed XML: {reason}") from None
        return self.roots[0]

    def _place(self) -> Place:
        return Place(self.path, self.parser.CurrentLineNumber)

    def _prefix(self, prefix: str | None, uri: str | None) -> None:
        self.declared[prefix or ""] = uri or ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        scope = self.scopes[-1] | self.declared if self.declared else self.scopes[-1]
        self.scopes.append(scope)
        self.declared = {}
        if self.annotation or name == f"{XSD} annotation":
            self.annotation += 1
            return
        place = self._place()
        uri, _, tag = name.rpartition(" ")
        if uri != XSD:
            raise XsdError(place, f"{tag} is not an element of XML Schema")
        if not self.stack and tag != "schema":
            raise XsdError(place, f"the root is xs:{tag}, not xs:schema")
        if len(self.stack) >= _MAX_DEPTH:
            raise XsdError(place, f"elements nest deeper than {_MAX_DEPTH}")
        node = Node(tag, self._plain(attributes, place), scope, place)
        (self.stack[-1].children if self.stack else self.roots).append(node)
        self.stack.append(node)

    def _plain(self, attributes: dict[str, str], place: Place) -> dict[str, str]:
        plain: dict[str, str] = {}
        for name, value in attributes.items():
            uri, _, local = name.rpartition(" ")
            if not uri:
                plain[local] = value
            elif uri != XML:
                raise XsdError(place, f"the attribute {local} of {uri} is not supported")
        return plain

    def _end(self, _name: str) -> None:
        self.scopes.pop()
        if self.annotation:
            self.annotation -= 1
        else:
            self.stack.pop()

    def _characters(self, data: str) -> None:
        if data.strip() and not self.annotation:
            raise XsdError(self._place(), f"text between declarations: {data.strip()[:40]!r}")

    def _doctype(self, *_: object) -> None:
        # Declaring an entity does no harm; what a use would mean is never asked. The parser would expand those
        # that it knows and skip those that an external subset might declare.
        used = _ENTITY.search(self.text)
        if used is not None:
            place = Place(self.path, self.text.count("\n", 0, used.start()) + 1)
            raise XsdError(place, f"the entity {used[1]} is used; entities are not supported")


class Folder:
    """All XSD files below a directory by target namespace.

    ``errors`` are those of files that could not be read; the others can be used all the same.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.errors: list[XsdError] = []
        self.sources: dict[Path, Source] = {}
        self._by_namespace: dict[str, list[Source]] = {}
        for path in _xsd_files(directory):
            try:
                source = read_source(path)
            except XsdError as error:
                self.errors.append(error)
                continue
            self.sources[path.resolve()] = source
            self._by_namespace.setdefault(source.namespace, []).append(source)

    def __contains__(self, namespace: str) -> bool:
        return namespace in self._by_namespace

    def find(self, namespace: str, importer: Node | None = None) -> Source:
        """Return the file that declares a namespace; ``importer`` is the ``xs:import`` that asks for it.

        ``schemaLocation`` is a hint: it counts where a file of that namespace lies there. Otherwise copies in
        other folders that say the same are one file, and of those that differ the one beside the importing
        file is meant. Raises XsdError where there is none, or no telling which.
        """
        found = self._by_namespace.get(namespace, [])
        here = importer.place if importer is not None else Place(self.directory)
        if not found:
            raise XsdError(here, f"no file below {self.directory} declares the namespace {namespace}")
        if importer is not None:
            hint = importer.get("schemaLocation")
            if hint is not None:
                hinted = self.sources.get((here.path.parent / hint).resolve())
                if hinted is not None and hinted.namespace == namespace:
                    return hinted
        if len({source.root.digest() for source in found}) == 1:
            return found[0]
        beside = [
            source for source in found if importer is not None and source.path.parent == here.path.parent
        ]
        if len(beside) == 1:
            return beside[0]
        paths = " and ".join(str(source.path) for source in found)
        raise XsdError(here, f"the namespace {namespace} is declared differently by {paths}")


def _xsd_files(directory: Path) -> Iterator[Path]:
    """Yield the XSD files below a directory. Raises XsdError for a directory that cannot be read."""
    if not directory.is_dir():
        raise XsdError(Place(directory), "not a directory" if directory.exists() else "no such directory")
    for folder, folders, files in os.walk(directory, onerror=_unreadable):
        folders.sort()
        yield from (Path(folder) / name for name in sorted(files) if name.lower().endswith(".xsd"))


def _unreadable(error: OSError) -> None:
    raise XsdError(Place(Path(str(error.filename))), error.strerror or str(error)) from error
