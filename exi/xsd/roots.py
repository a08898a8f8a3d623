"""Holds what documents and fragments start with against an XSD, and the string tables that a stream starts with."""

from collections.abc import Mapping
from typing import Final

from exi.grammar import Event, Name
from exi.names import XML, XSD, XSI
from exi.schema import XsdType
from exi.tables import NO_STATE, RELAXED_START, Tables
from exi.xsd.model import AttributeDeclaration, ComplexType, ElementDeclaration, SchemaSet, SimpleType
from exi.xsd.rows import Row, RowCheck, Where, any_event, written

_DOCUMENT: Final = Where("document")
_FRAGMENT: Final = Where("fragment")
_STRINGS: Final = Where("string tables")
_ANY: Final = any_event("##any")


class RootCheck(RowCheck):
    """Compares document and fragment codes, the element fragment grammar, and the string tables."""

    def __init__(self, tables: Tables, xsd: SchemaSet, classes: Mapping[type[XsdType], ComplexType]) -> None:
        super().__init__(tables, classes)
        self.xsd = xsd
        self.uses: dict[Name, list[AttributeDeclaration]] = {}
        for kind in xsd.complex_types:
            for attribute in kind.attributes:
                self.uses.setdefault(attribute.name, []).append(attribute)
        self.declarations: dict[Name, list[ElementDeclaration]] = {}
        for declaration in xsd.declarations():
            self.declarations.setdefault(declaration.name, []).append(declaration)
        self.names = sorted(self.declarations, key=Name.key)
        self._compare_document()
        self._compare_fragment()
        self._compare_element_fragment()
        self._compare_string_tables()

    def _compare_document(self) -> None:
        declarations = sorted(self.xsd.elements(), key=lambda element: element.name.key())
        events = [*(written(declaration.name) for declaration in declarations), _ANY]
        for row, declaration in zip(
            self._compare_root(self.tables.document_state, events, _DOCUMENT), declarations, strict=False
        ):
            self.compare_element(row[1], declaration, _DOCUMENT.within(f"element {declaration.name.local}"))

    def _compare_fragment(self) -> None:
        events = [*(written(name) for name in self.names), _ANY, "end"]
        for row, name in zip(
            self._compare_root(self.tables.fragment_state, events, _FRAGMENT), self.names, strict=False
        ):
            self._compare_named(row, name)

    def _compare_root(self, state: int, events: list[str], where: Where) -> list[Row]:
        """Compare the codes of a top level, which has no escape; return its rows if the events are equal."""
        if not self.compare_events(state, events, (len(events) - 1).bit_length(), where):
            return []
        rows = self.productions_of(state)
        for row, event in zip(rows, events, strict=True):
            self._compare_next(row, NO_STATE, where.within(f"behind {event}"))
        return rows

    def _compare_next(self, row: Row, following: int, where: Where) -> None:
        if row[3] != following:
            self.report(where, "following state", row[3], following)

    def _compare_named(self, row: Row, name: Name) -> None:
        """Compare one element of a fragment: its type, or that it follows the element fragment grammar."""
        where = _FRAGMENT.within(f"element {name.local}")
        declarations = self.declarations[name]
        types = list(dict.fromkeys(declaration.type for declaration in declarations))
        labels = ", ".join(kind.label for kind in types)
        if row[0] == RELAXED_START:
            first, count = self.relaxed[row[1]]
            left = list(types)
            for place in range(first, first + count):
                self._take(self.tables.candidates[place], left)
            if len(types) == 1 or count != len(types) or left:
                self.report(where, "types", f"{count} types", labels, declarations[0].place)
        elif len(types) > 1:
            self.report(where, "types", "one type", labels, declarations[0].place)
        else:
            self.compare_element(row[1], declarations[0], where)

    def _take(self, element: int, types: list[SimpleType | ComplexType]) -> None:
        """Remove from a list the type that an element row's type stands for, if it is there."""
        kind = self.elements[element][2]
        for known in types:
            if isinstance(known, SimpleType):
                fits = kind < 0 and self.is_written_as(-1 - kind, known)
            else:
                fits = kind >= 0 and self.classes.get(self.tables.classes[kind]) is known
            if fits:
                types.remove(known)
                return

    def _compare_element_fragment(self) -> None:
        """Compare the two states of the element fragment grammar [EXI 8.5.3]."""
        start, content = self.tables.relaxed_start_state, self.tables.relaxed_content_state
        attributes = sorted(self.uses, key=Name.key)
        inner = [*(written(name) for name in self.names), _ANY, "end", "text"]
        outer = [*(f"@{written(name)}" for name in attributes), "@*", *inner]
        for state, events, where in (
            (start, outer, Where("element fragment, at the start")),
            (content, inner, Where("element fragment, in the content")),
        ):
            if not self.compare_events(state, events, len(events).bit_length(), where):
                continue
            rows = self.productions_of(state)
            for row, event in zip(rows, events, strict=True):
                following = {Event.ATTRIBUTE: start, Event.END: NO_STATE}.get(Event(row[0]), content)
                self._compare_next(row, following, where.within(f"behind {event}"))
            self.compare_untyped(rows[-1][1], where.within("text"))
            if state == start:
                for row, name in zip(rows, attributes, strict=False):
                    self._compare_attribute(row, name, where.within(f"attribute {name.local}"))

    def _compare_attribute(self, row: Row, name: Name, where: Where) -> None:
        """Compare an attribute of the element fragment grammar: typed only if its type is always the same."""
        uses = self.uses[name]
        datatype = self.attributes[row[1]][2]
        if len({use.type for use in uses}) == 1:
            self.compare_datatype(datatype, uses[0].type, where, uses[0].place)
        else:
            self.compare_untyped(datatype, where)

    def _compare_string_tables(self) -> None:
        """Compare the initial URIs and local names [EXI appendix D]; those of the W3C belong to no XSD."""
        uris = ["", XML, XSI, XSD, *sorted(self.xsd.files)]
        if list(self.tables.uris) != uris:
            self.report(_STRINGS, "URIs", ", ".join(self.tables.uris), ", ".join(uris))
            return
        names: dict[str, set[str]] = {uri: set() for uri in uris}
        for name in (*self.declarations, *self.uses):
            names[name.uri].add(name.local)
        for uri, file in self.xsd.files.items():
            names[uri].update(file.types)
        for uri, ours in zip(uris, self.tables.local_names, strict=True):
            expected = sorted(names[uri])
            if uri not in {XML, XSI, XSD} and list(ours) != expected:
                where = _STRINGS.within(f"local names of {uri or 'no namespace'}")
                self.report_lists(where, "names", list(ours), expected)
