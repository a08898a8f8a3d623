"""Content models in a normal form, in which two ways to write the same model are equal.

A group that holds nothing is left out, a group of one member that occurs once is its member, and a sequence (choice)
that stands once in a sequence (choice) is part of it. None of this changes what a model admits or which event codes
it gets.
"""

from collections.abc import Iterator
from difflib import SequenceMatcher
from enum import Enum

import msgspec

from exi import schema as ours
from exi.grammar import Field, Mode, Name, Simple
from exi.xsd.model import (
    AnyParticle,
    ComplexType,
    ElementParticle,
    GroupParticle,
    Occurs,
    SimpleType,
)
from exi.xsd.source import Place

ONCE: Occurs = (1, 1)


class Shape(Enum):
    """What a part of a content model is."""

    ELEMENT = "element"
    ANY = "any"
    SEQUENCE = "sequence"
    CHOICE = "choice"


class Part(msgspec.Struct, eq=False):
    """A part of a content model, of ours or of an XSD. ``wildcard`` is the namespace that ``xs:any`` states."""

    shape: Shape
    occurs: Occurs = ONCE
    name: Name | None = None
    ref: bool = False
    kind: type[ours.XsdType] | Simple | SimpleType | ComplexType | None = None
    wildcard: str = ""
    members: "list[Part]" = []
    place: Place | None = None

    @property
    def key(self) -> str:
        """What tells parts apart when two lists of them are aligned."""
        return self.name.local if self.name is not None else f"({self.shape.value})"

    def __str__(self) -> str:
        match self.shape:
            case Shape.ELEMENT:
                assert self.name is not None
                text = self.name.local
            case Shape.ANY:
                text = f"any({self.wildcard})"
            case Shape.SEQUENCE:
                text = f"({', '.join(map(str, self.members))})"
            case Shape.CHOICE:
                text = f"({' | '.join(map(str, self.members))})"
        return text + suffix(self.occurs)


def suffix(occurs: Occurs) -> str:
    """Return occurrence bounds as a document type declaration writes them."""
    known = {(1, 1): "", (0, 1): "?", (0, None): "*", (1, None): "+"}.get(occurs)
    if known is not None:
        return known
    return f"{{{occurs[0]},{'' if occurs[1] is None else occurs[1]}}}"


def bounds(occurs: Occurs) -> str:
    """Return occurrence bounds in words that a difference shows."""
    return f"{occurs[0]}..{'unbounded' if occurs[1] is None else occurs[1]}"


def normal_form(part: Part) -> Part | None:
    """Return a part in normal form, None where nothing of it is left."""
    if part.shape in {Shape.ELEMENT, Shape.ANY}:
        return part
    members: list[Part] = []
    for member in part.members:
        normal = normal_form(member)
        if normal is None:
            continue
        if normal.shape is part.shape and normal.occurs == ONCE:
            members += normal.members
        else:
            members.append(normal)
    if not members:
        return None
    if len(members) == 1 and ONCE in {part.occurs, members[0].occurs}:
        occurs = part.occurs if members[0].occurs == ONCE else members[0].occurs
        return msgspec.structs.replace(members[0], occurs=occurs)
    return msgspec.structs.replace(part, members=members)


def top_level(part: Part) -> list[Part]:
    """Return a content model in normal form as the sequence of its parts."""
    normal = normal_form(part)
    if normal is None:
        return []
    return normal.members if normal.shape is Shape.SEQUENCE and normal.occurs == ONCE else [normal]


def element_parts(part: Part) -> Iterator[Part]:
    """Yield the elements in a part."""
    if part.shape is Shape.ELEMENT:
        yield part
    for member in part.members:
        yield from element_parts(member)


def of_xsd(content: GroupParticle | None) -> list[Part]:
    """Return the content model of an XSD."""
    return top_level(Part(Shape.SEQUENCE, members=[] if content is None else [_of_particle(content)]))


def _of_particle(particle: ElementParticle | AnyParticle | GroupParticle) -> Part:
    match particle:
        case ElementParticle():
            element = particle.element
            return Part(
                Shape.ELEMENT, particle.occurs, element.name, particle.ref, element.type, place=particle.place
            )
        case AnyParticle():
            return Part(Shape.ANY, particle.occurs, wildcard=particle.namespace, place=particle.place)
        case GroupParticle():
            shape = Shape.CHOICE if particle.choice else Shape.SEQUENCE
            members = [_of_particle(member) for member in particle.particles]
            return Part(shape, particle.occurs, members=members, place=particle.place)


def of_fields(fields: tuple[Field, ...]) -> list[Part]:
    """Return the content model that the fields of a message class state."""
    parts: list[Part] = []
    label: str | None = None
    for field in fields:
        marker = field.marker
        if isinstance(marker, ours.Content):
            parts.append(_of_marker(marker.model, field.namespace))
        elif isinstance(marker, ours.Element):
            part = _of_element(field, marker)
            if marker.choice is None:
                parts.append(part)
            elif marker.choice == label:
                parts[-1].members.append(part)
            else:
                occurs = (0, 1) if marker.choice.endswith("?") else ONCE
                parts.append(Part(Shape.CHOICE, occurs, members=[part]))
            label = marker.choice
    return top_level(Part(Shape.SEQUENCE, members=parts))


def _of_element(field: Field, marker: ours.Element) -> Part:
    name = Name(marker.name, field.namespace if marker.ns is None else marker.ns)
    optional = field.mode is Mode.OPTIONAL and marker.choice is None
    occurs = (0, 1) if optional else marker.occurs or ONCE
    return Part(Shape.ELEMENT, occurs, name, marker.ref, field.type)


def _of_marker(particle: ours.Particle, namespace: str) -> Part:
    match particle:
        case ours.Child():
            name = Name(particle.name, namespace)
            return Part(Shape.ELEMENT, particle.occurs, name, particle.ref, particle.type)
        case ours.Wildcard():
            return Part(Shape.ANY, particle.occurs, wildcard=particle.namespace)
        case ours.Sequence() | ours.Choice():
            shape = Shape.CHOICE if isinstance(particle, ours.Choice) else Shape.SEQUENCE
            members = [_of_marker(member, namespace) for member in particle.particles]
            return Part(shape, particle.occurs, members=members)


def aligned(ours_: list[str], theirs: list[str]) -> Iterator[tuple[int | None, int | None]]:
    """Yield which places of two lists belong together; None where one of them has no counterpart."""
    for tag, start, end, other_start, other_end in SequenceMatcher(
        None, ours_, theirs, autojunk=False
    ).get_opcodes():
        here, there = list(range(start, end)), list(range(other_start, other_end))
        if tag == "replace":
            shared = min(len(here), len(there))
            yield from zip(here[:shared], there[:shared], strict=True)
            here, there = here[shared:], there[shared:]
        elif tag == "equal":
            yield from zip(here, there, strict=True)
            continue
        yield from ((place, None) for place in here)
        yield from ((None, place) for place in there)
