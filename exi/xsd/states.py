"""What the EXI recommendation makes of an XSD: the productions that each state of a type admits.

This is the second opinion that the tables of :mod:`exi.tables` are held against, and shares no code with
:mod:`exi.grammar`. There, a content model becomes a graph by the positions that may follow each other, with counters
for repetition; here, a state is the content model that remains (its derivative), so that a bounded repetition is
literally unrolled, as [EXI 8.5.4.1.5] describes it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from exi.grammar import Event, Name
from exi.xsd.model import (
    AnyParticle,
    AttributeDeclaration,
    ComplexType,
    ElementDeclaration,
    ElementParticle,
    Particle,
    SchemaSet,
    SimpleType,
)
from exi.xsd.source import XsdError


class Leaf(msgspec.Struct, frozen=True):
    """One particle for an element or a wildcard, by its position in schema order."""

    position: int


class InOrder(msgspec.Struct, frozen=True):
    """One expression after the other; without parts, the empty content."""

    parts: "tuple[Expression, ...]"


class OneOf(msgspec.Struct, frozen=True):
    """One of several expressions."""

    parts: "tuple[Expression, ...]"


class Repeat(msgspec.Struct, frozen=True):
    """An expression several times; ``maximum`` None: without end."""

    part: "Expression"
    minimum: int
    maximum: int | None


Expression = Leaf | InOrder | OneOf | Repeat

NOTHING: Final = InOrder(())


def in_order(parts: "tuple[Expression, ...]") -> "Expression":
    """Return the sequence of expressions in its shortest form."""
    flat: list[Expression] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, InOrder) else (part,))
    return flat[0] if len(flat) == 1 else InOrder(tuple(flat))


def repeat(part: "Expression", minimum: int, maximum: int | None) -> "Expression":
    """Return the repetition of an expression in its shortest form."""
    if maximum == 0 or part == NOTHING:
        return NOTHING
    if (minimum, maximum) == (1, 1):
        return part
    return Repeat(part, 0 if may_be_empty(part) else minimum, maximum)


def may_be_empty(expression: "Expression") -> bool:
    """Tell whether an expression admits the empty content."""
    match expression:
        case Leaf():
            return False
        case InOrder():
            return all(may_be_empty(part) for part in expression.parts)
        case OneOf():
            return any(may_be_empty(part) for part in expression.parts)
        case Repeat():
            return expression.minimum == 0 or may_be_empty(expression.part)


def steps(expression: "Expression") -> "Iterator[tuple[int, Expression]]":
    """Yield the positions that an expression may start with, and what remains after each."""
    match expression:
        case Leaf():
            yield expression.position, NOTHING
        case InOrder():
            for index, part in enumerate(expression.parts):
                for position, rest in steps(part):
                    yield position, in_order((rest, *expression.parts[index + 1 :]))
                if not may_be_empty(part):
                    break
        case OneOf():
            for part in expression.parts:
                yield from steps(part)
        case Repeat():
            minimum = max(expression.minimum - 1, 0)
            maximum = None if expression.maximum is None else expression.maximum - 1
            remaining = repeat(expression.part, minimum, maximum)
            for position, rest in steps(expression.part):
                yield position, in_order((rest, remaining))


class ElementState(msgspec.Struct, frozen=True):
    """A state of an element of a complex type.

    ``attributes`` is how many attributes lie behind, -1 once content has begun; ``text`` tells whether simple
    content is still to come; ``content`` is the element content that remains.
    """

    attributes: int
    text: bool
    content: Expression


class ExpectedProduction(msgspec.Struct, frozen=True):
    """One event that a state admits; ``next`` is None where the element ends."""

    event: Event
    subject: AttributeDeclaration | ElementDeclaration | AnyParticle | SimpleType | None
    next: ElementState | None


class TypeStates:
    """The states of one complex type."""

    def __init__(self, schema: SchemaSet, kind: ComplexType) -> None:
        self.schema = schema
        self.kind = kind
        lineage = kind.lineage()
        self.attributes = sorted(
            (attribute for ancestor in lineage for attribute in ancestor.attributes),
            key=lambda attribute: attribute.name.key(),
        )
        self.leaves: list[ElementParticle | AnyParticle] = []
        content = tuple(
            self._expression(ancestor.content) for ancestor in lineage if ancestor.content is not None
        )
        self._members: dict[int, list[ElementDeclaration]] = {}
        self.start = ElementState(0, kind.text is not None, in_order(content))

    def _expression(self, particle: Particle) -> Expression:
        if isinstance(particle, ElementParticle | AnyParticle):
            self.leaves.append(particle)
            return repeat(Leaf(len(self.leaves) - 1), *particle.occurs)
        parts = tuple(self._expression(member) for member in particle.particles)
        return repeat(OneOf(parts) if particle.choice else in_order(parts), *particle.occurs)

    def productions(self, state: ElementState) -> list[ExpectedProduction]:
        """Return the productions of a state in the order of their event codes [EXI 8.5.4.3]."""
        found: list[ExpectedProduction] = []
        if state.attributes >= 0:
            for index in range(state.attributes, len(self.attributes)):
                attribute = self.attributes[index]
                after = ElementState(index + 1, state.text, state.content)
                found.append(ExpectedProduction(Event.ATTRIBUTE, attribute, after))
                if attribute.required:
                    return found
        if state.text:
            after = ElementState(-1, False, NOTHING)
            return [*found, ExpectedProduction(Event.TEXT, self.kind.text, after)]
        found += self._content(state.content)
        if may_be_empty(state.content):
            found.append(ExpectedProduction(Event.END, None, None))
        if self.kind.mixed:
            found.append(ExpectedProduction(Event.TEXT, None, ElementState(-1, False, state.content)))
        return found

    def _content(self, content: Expression) -> list[ExpectedProduction]:
        following: dict[int, list[Expression]] = {}
        for position, rest in steps(content):
            remaining = following.setdefault(position, [])
            if rest not in remaining:
                remaining.append(rest)
        elements: list[ExpectedProduction] = []
        wildcards: list[ExpectedProduction] = []
        for position in sorted(following):
            rests = following[position]
            after = ElementState(-1, False, rests[0] if len(rests) == 1 else OneOf(tuple(rests)))
            leaf = self.leaves[position]
            if isinstance(leaf, AnyParticle):
                wildcards.append(ExpectedProduction(Event.START_ANY, leaf, after))
                continue
            elements += (
                ExpectedProduction(Event.START, member, after) for member in self._admitted(position, leaf)
            )
        self._refuse_competition(elements)
        return elements + wildcards

    def _admitted(self, position: int, leaf: ElementParticle) -> list[ElementDeclaration]:
        known = self._members.get(position)
        if known is None:
            known = substitutes(self.schema, leaf.element) if leaf.ref else [leaf.element]
            self._members[position] = known
        return known

    def _refuse_competition(self, elements: list[ExpectedProduction]) -> None:
        seen: set[Name] = set()
        for production in elements:
            element = production.subject
            assert isinstance(element, ElementDeclaration)
            if element.name in seen:
                raise XsdError(
                    self.kind.place,
                    f"two particles of the {self.kind.label} compete for {element.name.local}",
                )
            seen.add(element.name)


def substitutes(schema: SchemaSet, head: ElementDeclaration) -> list[ElementDeclaration]:
    """Return an element and all that may stand in its place, by local name, then URI."""
    found = {head.name: head}
    grown = True
    while grown:
        grown = False
        for element in schema.elements():
            if element.head in found and element.name not in found:
                found[element.name] = element
                grown = True
    return sorted(found.values(), key=lambda element: element.name.key())
