"""Holds the tables that the engines run against what the EXI recommendation makes of an XSD.

Each type's states are walked side by side with those of :mod:`exi.xsd.states`, production by production. Whatever
made the tables, message classes and :mod:`exi.grammar` and :mod:`exi.tables`, stands or falls with the event codes
that an engine would write.
"""

from collections import deque
from collections.abc import Mapping

from exi.grammar import Event
from exi.schema import XsdType
from exi.tables import NO_STATE, TYPE, Tables
from exi.xsd.model import (
    AnyParticle,
    AttributeDeclaration,
    ComplexType,
    ElementDeclaration,
    SchemaSet,
    SimpleType,
)
from exi.xsd.rows import Path, Row, RowCheck, Where, any_event, rows_of, written
from exi.xsd.states import ElementState, ExpectedProduction, TypeStates


class TypeCheck(RowCheck):
    """Compares the states of all types; one without a counterpart in ``classes`` is not looked at."""

    def __init__(self, tables: Tables, xsd: SchemaSet, classes: Mapping[type[XsdType], ComplexType]) -> None:
        super().__init__(tables, classes)
        for cls, (start, *_, uri) in zip(tables.classes, rows_of(tables.types, TYPE), strict=True):
            kind = classes.get(cls)
            if kind is None:
                continue
            where = Where(kind.label)
            if tables.uris[uri] != kind.namespace:
                self.report(where, "namespace", tables.uris[uri], kind.namespace, kind.place)
            self._walk(start, TypeStates(xsd, kind), where)

    def _walk(self, start: int, expected: TypeStates, where: Where) -> None:
        """Compare all states that can be reached; what follows an unequal one would be a mere consequence."""
        place = expected.kind.place
        first = (start, 0, expected.start)
        seen = {first}
        queue: deque[tuple[int, int, ElementState, Path | None]] = deque([(*first, None)])
        while queue:
            state, count, model, path = queue.popleft()
            here = Where(where.subject, path)
            productions = expected.productions(model)
            events = [event_of(production) for production in productions]
            if not self.compare_events(state, events, len(events).bit_length(), here, place):
                return
            self._compare_escape(state, model, productions, here)
            for row, production, event in zip(self.productions_of(state), productions, events, strict=True):
                self._compare_subject(row, production, here)
                following, items = self.next_state(state, row[3], count)
                if (following == NO_STATE) != (production.next is None):
                    goes_on = ("goes on", "ends")
                    self.report(
                        here.within(f"behind {event}"),
                        "the element",
                        goes_on[following == NO_STATE],
                        goes_on[production.next is None],
                        place,
                    )
                    return
                if production.next is not None:
                    pair = (following, items, production.next)
                    if pair not in seen:
                        seen.add(pair)
                        queue.append((*pair, (path, event)))

    def _compare_escape(
        self, state: int, model: ElementState, productions: list[ExpectedProduction], where: Where
    ) -> None:
        """Compare the width of second-level codes where one is used: for the end behind an empty value."""
        last = productions[-1]
        if last.event is Event.TEXT and isinstance(last.subject, SimpleType):
            width = 3 if model.attributes >= 0 else 2
            if self.states[state][3] != width:
                self.report(where, "bits of a second-level code", self.states[state][3], width)

    def _compare_subject(self, row: Row, production: ExpectedProduction, where: Where) -> None:
        subject = production.subject
        match subject:
            case AttributeDeclaration():
                inside = where.within(f"attribute {subject.name.local}")
                self.compare_datatype(self.attributes[row[1]][2], subject.type, inside, subject.place)
            case ElementDeclaration():
                self.compare_element(row[1], subject, where.within(f"element {subject.name.local}"))
            case SimpleType():
                self.compare_datatype(row[1], subject, where.within("text"), subject.place)
            case AnyParticle():
                pass
            case None:
                if production.event is Event.TEXT:
                    self.compare_untyped(row[1], where.within("text"))


def event_of(production: ExpectedProduction) -> str:
    """Return a production's event as :class:`RowCheck` writes it."""
    match production.subject:
        case AttributeDeclaration(name=name):
            return f"@{written(name)}"
        case ElementDeclaration(name=name):
            return written(name)
        case AnyParticle(namespace=namespace):
            return any_event(namespace)
        case _:
            return "end" if production.event is Event.END else "text"
