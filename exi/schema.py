"""How a typed message class states its XML schema.

A message class is a :class:`XsdType` (a msgspec Struct). Each field carries one marker in its
``Annotated`` type that says where the field stands in the XML schema:

* :class:`Element` for a child element, :class:`Attribute` for an attribute,
* :class:`Text` for the character content of a type with simple content,
* :class:`Content` for the few content models that are not a plain sequence (mixed content,
  wildcards, repeated groups), whose field is a list of :class:`Item` and ``str``.

Fields of one class stand in schema order, those of the base class first, as ``xs:extension`` has it.
Neighbouring elements with the same ``choice`` label form one ``xs:choice``; a label that ends in
``?`` makes the whole choice optional. A class without fields of its own is an empty type.

A module of message classes has ``NAMESPACE``; ``ELEMENTS``, the global elements that it declares;
``TYPES``, the names of the types that its schema names, separated by spaces; and ``PREFIX``, the
prefix that XML text is written with.

Nothing in here encodes or decodes: :mod:`exi.grammar` derives the grammars from these statements.
"""

from enum import Enum
from types import ModuleType
from typing import Any

import msgspec

_ABSTRACT = "__xsd_abstract__"


def is_abstract(cls: object) -> bool:
    """Tell whether a class stands for an abstract type (:class:`Message` makes it say so)."""
    return isinstance(cls, type) and bool(vars(cls).get(_ABSTRACT))


class Required:
    """Stands where the default of a required field would be that follows fields with a default."""

    __slots__ = ("field",)

    def __init__(self, field: str) -> None:
        self.field = field

    def __call__(self) -> Any:
        """Raise TypeError as a missing argument does."""
        raise TypeError(f"Missing required argument {self.field!r}")


class XsdType(msgspec.Struct, gc=False):
    """Base of every class that stands for one complex type of an XML schema.

    Messages are trees of plain values, so the garbage collector, which is there for cycles, need not
    look at them.
    """


class Message(msgspec.StructMeta):
    """Makes message classes that engines can build and read quickly.

    ``class Req(XsdType, kw_only=True, metaclass=Message)``: for whoever writes code, and for mypy, the
    fields are keyword-only. At run time they can be given by position as well, which costs a third; the
    engines do so.

    ``abstract=True`` says that the XSD type is abstract: no element has a value of the class itself, only of
    classes derived from it.

    What it makes has msgspec's own metaclass, not this one: before Python 3.12 a class whose metaclass is
    written in Python is called through a tuple of arguments, at twice the cost.
    """

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        /,
        *,
        abstract: bool = False,
        **config: Any,
    ) -> msgspec.StructMeta:
        """Create a message class; ``config`` is that of :class:`msgspec.Struct`."""
        namespace[_ABSTRACT] = abstract
        has_default = any(getattr(base, "__struct_defaults__", ()) for base in bases)
        for field in namespace.get("__annotations__", ()):
            if field in namespace:
                has_default = True
            elif has_default:
                namespace[field] = msgspec.field(default_factory=Required(field))
        return msgspec.StructMeta(name, bases, namespace, **config | {"kw_only": False})


class Kind(Enum):
    """The datatype representations of EXI that the supported schemas use [EXI 7.1]."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    STRING = "string"
    BINARY = "binary"


class Datatype(msgspec.Struct, frozen=True, gc=False):
    """A simple type: its representation and the facets that bound its values.

    ``minimum`` and ``maximum`` bound integers (None: unbounded). ``min_length`` and ``max_length``
    count code points of strings and bytes of binaries. ``xsd`` is the built-in type it derives from,
    without prefix; it tells base64Binary from hexBinary in XML text.
    """

    kind: Kind
    xsd: str
    minimum: int | None = None
    maximum: int | None = None
    min_length: int = 0
    max_length: int | None = None

    def restrict(
        self,
        *,
        minimum: int | None = None,
        maximum: int | None = None,
        length: int | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
    ) -> "Datatype":
        """Return this datatype with tighter facets; a facet that is not given is inherited."""
        if length is not None:
            min_length = max_length = length
        return Datatype(
            self.kind,
            self.xsd,
            self.minimum if minimum is None else minimum,
            self.maximum if maximum is None else maximum,
            self.min_length if min_length is None else min_length,
            self.max_length if max_length is None else max_length,
        )


def _integer(xsd: str, minimum: int | None, maximum: int | None) -> Datatype:
    return Datatype(Kind.INTEGER, xsd, minimum, maximum)


BOOLEAN = Datatype(Kind.BOOLEAN, "boolean")
BYTE = _integer("byte", -(2**7), 2**7 - 1)
SHORT = _integer("short", -(2**15), 2**15 - 1)
INT = _integer("int", -(2**31), 2**31 - 1)
LONG = _integer("long", -(2**63), 2**63 - 1)
UNSIGNED_BYTE = _integer("unsignedByte", 0, 2**8 - 1)
UNSIGNED_SHORT = _integer("unsignedShort", 0, 2**16 - 1)
UNSIGNED_INT = _integer("unsignedInt", 0, 2**32 - 1)
UNSIGNED_LONG = _integer("unsignedLong", 0, 2**64 - 1)
INTEGER = _integer("integer", None, None)
STRING = Datatype(Kind.STRING, "string")
ANY_URI = Datatype(Kind.STRING, "anyURI")
ID = Datatype(Kind.STRING, "ID")
IDREF = Datatype(Kind.STRING, "IDREF")
BASE64 = Datatype(Kind.BINARY, "base64Binary")
HEX = Datatype(Kind.BINARY, "hexBinary")


class Element(msgspec.Struct, frozen=True, gc=False):
    """A child element.

    ``name`` is the wire name. ``datatype`` is given for integers, strings and binaries; for a complex
    type or an enumeration the Python annotation says it. ``ns`` is the element's namespace where it
    is not that of the class's own module (``""``: no namespace). ``ref`` marks a reference to a global
    element, which admits the members of its substitution group. ``occurs`` is (minimum, maximum) for
    a list, None meaning unbounded; a field that may be None occurs at most once.
    """

    name: str
    datatype: Datatype | None = None
    ns: str | None = None
    ref: bool = False
    occurs: tuple[int, int | None] | None = None
    choice: str | None = None


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """An attribute; ``ns`` is ``""`` for an unqualified one. Optional where the field may be None."""

    name: str
    datatype: Datatype | None = None
    ns: str = ""


class Text(msgspec.Struct, frozen=True, gc=False):
    """The character content of a complex type with simple content."""

    datatype: Datatype


class Wildcard(msgspec.Struct, frozen=True, gc=False):
    """``xs:any``; ``namespace`` is ``"##any"`` or ``"##other"``."""

    namespace: str
    occurs: tuple[int, int | None] = (1, 1)


class Child(msgspec.Struct, frozen=True, gc=False):
    """One named element inside a :class:`Content` model; ``type`` is its class or datatype."""

    name: str
    type: "type[XsdType] | Datatype"
    ref: bool = False
    occurs: tuple[int, int | None] = (1, 1)


class Sequence(msgspec.Struct, frozen=True, gc=False):
    """``xs:sequence`` inside a :class:`Content` model."""

    particles: "tuple[Particle, ...]"
    occurs: tuple[int, int | None] = (1, 1)


class Choice(msgspec.Struct, frozen=True, gc=False):
    """``xs:choice`` inside a :class:`Content` model."""

    particles: "tuple[Particle, ...]"
    occurs: tuple[int, int | None] = (1, 1)


Particle = Child | Wildcard | Sequence | Choice


class Content(msgspec.Struct, frozen=True, gc=False):
    """A content model that is not a plain sequence of typed fields."""

    model: Particle
    mixed: bool = False


class Item(msgspec.Struct):
    """One child element in a field with a :class:`Content` model.

    ``value`` is an instance of the child's class, or a plain value for a simple type.
    """

    name: str
    ns: str
    value: Any


class GlobalElement(msgspec.Struct, frozen=True, gc=False):
    """A global element declaration; ``substitutes`` names the head of its substitution group."""

    name: str
    type: "type[XsdType] | Datatype"
    substitutes: str | None = None
    substitutes_ns: str | None = None
    abstract: bool = False


class MessageSet:
    """A closed set of schema modules that one EXI grammar is made from.

    ``namespace`` is that of the root element and names the set. ``modules`` are all modules that the
    XSD imports directly or indirectly, in any order. All of them count, used or not, because fragment
    codes depend on every element name in the set. ``payload_types`` are those of the V2GTP frames that carry
    the set's messages; nothing but finding out what a frame holds needs them.
    """

    __slots__ = ("modules", "name", "namespace", "payload_types")

    def __init__(
        self,
        name: str,
        namespace: str,
        modules: tuple[ModuleType, ...],
        *,
        payload_types: tuple[int, ...] = (),
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.modules = modules
        self.payload_types = payload_types

    def __repr__(self) -> str:
        return f"MessageSet({self.name!r})"
