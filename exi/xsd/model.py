"""What XSD files declare, to hold message classes against.

The model keeps the words of the XSD, not those of :mod:`exi.schema`: a comparison is worth the more the less its two
sides share.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from exi.grammar import Name
from exi.schema import Datatype
from exi.xsd.source import Place

Occurs = tuple[int, int | None]
"""Smallest and largest number of times; None: unbounded."""


class SimpleType(msgspec.Struct, eq=False):
    """A simple type with all its facets, inherited ones included; ``values`` are those of an enumeration.

    ``facets`` is the number of facets that the type states itself. ``label`` names it for a reader.
    """

    name: Name | None
    label: str
    place: Place
    datatype: Datatype
    values: tuple[str, ...] | None = None
    facets: int = 0


class ElementDeclaration(msgspec.Struct, eq=False):
    """An element with its type; ``head`` is that of its substitution group."""

    name: Name
    type: "SimpleType | ComplexType"
    place: Place
    abstract: bool = False
    head: Name | None = None


class ElementParticle(msgspec.Struct, eq=False):
    """A place for an element in a content model; ``ref``: it refers to a global element."""

    element: ElementDeclaration
    ref: bool
    occurs: Occurs
    place: Place


class AnyParticle(msgspec.Struct, eq=False):
    """A wildcard; ``namespace`` is ``##any`` or ``##other``."""

    namespace: str
    occurs: Occurs
    place: Place


class GroupParticle(msgspec.Struct, eq=False):
    """A sequence, or a choice."""

    choice: bool
    particles: "tuple[Particle, ...]"
    occurs: Occurs
    place: Place


Particle = ElementParticle | AnyParticle | GroupParticle


class AttributeDeclaration(msgspec.Struct, eq=False):
    """An attribute of a complex type."""

    name: Name
    type: SimpleType
    required: bool
    place: Place


class ComplexType(msgspec.Struct, eq=False):
    """A complex type. ``content``, ``attributes`` and ``text`` are its own; ``base`` is what it extends.

    ``text`` is the type of simple content. ``name`` is None for the anonymous type of an element.
    """

    name: Name | None
    label: str
    namespace: str
    place: Place
    abstract: bool = False
    mixed: bool = False
    base: "ComplexType | None" = None
    text: SimpleType | None = None
    content: GroupParticle | None = None
    attributes: tuple[AttributeDeclaration, ...] = ()

    def lineage(self) -> "list[ComplexType]":
        """Return the type and all that it extends, the root first."""
        found: list[ComplexType] = []
        current: ComplexType | None = self
        while current is not None:
            found.append(current)
            current = current.base
        return found[::-1]

    def element_particles(self) -> Iterator[ElementParticle]:
        """Yield the places for elements in the type's own content."""
        if self.content is not None:
            yield from _element_particles(self.content)


class SchemaFile(msgspec.Struct, eq=False):
    """What one file declares."""

    namespace: str
    path: Path
    place: Place
    elements: dict[str, ElementDeclaration] = {}
    types: dict[str, SimpleType | ComplexType] = {}


class SchemaSet(msgspec.Struct, eq=False):
    """A file and all that it imports, directly or not, by namespace; ``namespace`` is the first one's.

    ``complex_types`` and ``simple_types`` are all that the files declare, anonymous ones too.
    """

    namespace: str
    files: dict[str, SchemaFile] = {}
    complex_types: list[ComplexType] = []
    simple_types: list[SimpleType] = []

    def elements(self) -> Iterator[ElementDeclaration]:
        """Yield the global elements."""
        for file in self.files.values():
            yield from file.elements.values()

    def declarations(self) -> Iterator[ElementDeclaration]:
        """Yield all elements, global and local, in no order that matters."""
        yield from self.elements()
        for kind in self.complex_types:
            yield from (particle.element for particle in kind.element_particles() if not particle.ref)


def _element_particles(particle: Particle) -> Iterator[ElementParticle]:
    if isinstance(particle, ElementParticle):
        yield particle
    elif isinstance(particle, GroupParticle):
        for member in particle.particles:
            yield from _element_particles(member)
