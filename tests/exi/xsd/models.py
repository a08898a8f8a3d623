"""Random content models, written as an XSD, as a message class, and as a regular expression over one-letter names."""

from types import ModuleType
from typing import Annotated, Any

from hypothesis import strategies as st

from exi.schema import (
    INT,
    Child,
    Choice,
    Content,
    GlobalElement,
    Item,
    Message,
    MessageSet,
    Particle,
    Sequence,
    XsdType,
)

NAMESPACE = "urn:random"
LETTERS = "abcdefgh"

Occurs = tuple[int, int | None]

OCCURS: st.SearchStrategy[Occurs] = st.sampled_from(
    [(1, 1), (1, 1), (1, 1), (0, 1), (0, None), (1, None), (0, 2), (1, 3), (2, 2), (2, 4), (3, None)]
)


def _group(members: st.SearchStrategy[Particle]) -> st.SearchStrategy[Particle]:
    particles = st.lists(members, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(Sequence, particles, OCCURS), st.builds(Choice, particles, OCCURS))


def particles(letters: str = LETTERS) -> st.SearchStrategy[Particle]:
    """Return random content models; with few letters some are ambiguous."""
    leaves = st.builds(Child, st.sampled_from(letters), st.just(INT), st.just(False), OCCURS)
    return _group(st.recursive(leaves, _group, max_leaves=6))


def xsd_of(particle: Particle) -> str:
    """Return the model as XSD text."""
    least, most = particle.occurs
    occurs = f'minOccurs="{least}" maxOccurs="{"unbounded" if most is None else most}"'
    match particle:
        case Child():
            return f'<element name="{particle.name}" type="int" {occurs}/>'
        case Sequence() | Choice():
            tag = type(particle).__name__.lower()
            return f"<{tag} {occurs}>{''.join(map(xsd_of, particle.particles))}</{tag}>"
    raise AssertionError(particle)


def schema_text(particle: Particle) -> str:
    """Return a whole XSD with the model in its one complex type."""
    return (
        f'<schema xmlns="http://www.w3.org/2001/XMLSchema" xmlns:r="{NAMESPACE}" '
        f'targetNamespace="{NAMESPACE}" elementFormDefault="qualified">\n<element name="Root" type="r:T"/>\n'
        f'<complexType name="T">{xsd_of(particle)}</complexType>\n</schema>'
    )


def regex_of(particle: Particle) -> str:
    """Return the model as a regular expression."""
    match particle:
        case Child():
            inner = particle.name
        case Sequence():
            inner = "".join(map(regex_of, particle.particles))
        case Choice():
            inner = "|".join(map(regex_of, particle.particles))
        case _:
            raise AssertionError(particle)
    least, most = particle.occurs
    return f"(?:{inner}){{{least},{'' if most is None else most}}}"


def letters_of(particle: Particle) -> list[str]:
    """Return the names in the model in schema order."""
    match particle:
        case Child():
            return [particle.name]
        case Sequence() | Choice():
            return [name for member in particle.particles for name in letters_of(member)]
    raise AssertionError(particle)


def message_set(particle: Particle) -> MessageSet:
    """Return a message set whose one class states the model."""
    module = ModuleType("tests.random_model")
    annotation: Any = Annotated[list[Item | str], Content(particle)]
    namespace = {
        "__module__": module.__name__,
        "__annotations__": {"content": annotation},
        "__doc__": "``T``.",
    }
    cls: Any = Message("T", (XsdType,), namespace)
    vars(module).update(NAMESPACE=NAMESPACE, TYPES="T", T=cls, ELEMENTS=(GlobalElement("Root", cls),))
    return MessageSet("random", NAMESPACE, (module,))
