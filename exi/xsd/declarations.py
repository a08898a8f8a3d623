"""Holds what message classes declare against what XSD files declare.

Nothing of grammars or tables is asked here: this is the schema as written, so that a difference is found, and named in
the words of the XSD, even where no event code depends on it. Types are paired by walking both sides together from the
global elements; what no element uses is paired by name.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum
from types import ModuleType
from typing import Final, TypeVar

from exi.grammar import AnyType, Field, Grammars, Name
from exi.schema import STRING, Attribute, Content, Datatype, Text, XsdType, is_abstract
from exi.xsd.content import Part, Shape, aligned, bounds, element_parts, of_fields, of_xsd
from exi.xsd.differences import Difference
from exi.xsd.model import (
    AttributeDeclaration,
    ComplexType,
    SchemaFile,
    SchemaSet,
    SimpleType,
)
from exi.xsd.source import Place

ABSENT: Final = "absent"

_Kind = TypeVar("_Kind")

_STATED: Final = re.compile(r"(?:Values of )?``([^`]+)``( \(abstract\))?")
_FACETS: Final = {
    "xsd": "datatype",
    "minimum": "minInclusive",
    "maximum": "maxInclusive",
    "min_length": "minLength",
    "max_length": "maxLength",
}


class Declarations:
    """Compares the declarations of one message set; ``differences`` is the result.

    ``classes`` says which complex type of the XSD each class was found to stand for.
    """

    def __init__(self, grammars: Grammars, xsd: SchemaSet) -> None:
        self.grammars = grammars
        self.xsd = xsd
        self.differences: list[Difference] = []
        self.classes: dict[type[XsdType], ComplexType] = {}
        self._types: dict[ComplexType, type[XsdType]] = {}
        self._simple: set[tuple[object, SimpleType]] = set()
        self._enumerations: set[type[Enum]] = set()
        self._modules = {str(module.NAMESPACE): module for module in grammars.schema.modules}
        self._compare()

    def _compare(self) -> None:
        self._each(
            self._modules,
            {uri: file.place for uri, file in self.xsd.files.items()},
            lambda uri: f"namespace {uri}",
            "module",
        )
        shared = [uri for uri in self._modules if uri in self.xsd.files]
        for uri in shared:
            self._compare_names(self._modules[uri], self.xsd.files[uri])
            self._compare_elements(uri)
        for uri in shared:
            self._compare_unused(self._modules[uri], self.xsd.files[uri])
        for uri in shared:
            self._report_unpaired(self._modules[uri], self.xsd.files[uri])

    def _report(
        self, where: str, what: str, ours: object, theirs: object, place: Place | None = None
    ) -> None:
        self.differences.append(Difference(where, what, str(ours), str(theirs), place))

    def _each(
        self, ours: Collection[str], theirs: Mapping[str, Place], where: Callable[[str], str], what: str
    ) -> None:
        """Report the names that only one side has."""
        for name in ours:
            if name not in theirs:
                self._report(where(name), what, "declared", ABSENT)
        for name, place in theirs.items():
            if name not in ours:
                self._report(where(name), what, ABSENT, "declared", place)

    def _compare_names(self, module: ModuleType, file: SchemaFile) -> None:
        self._each(
            str(getattr(module, "TYPES", "")).split(),
            {name: kind.place for name, kind in file.types.items()},
            lambda name: f"type {name}",
            "type name",
        )

    # Elements.

    def _compare_elements(self, uri: str) -> None:
        module, file = self._modules[uri], self.xsd.files[uri]
        elements = {element.name: element for element in getattr(module, "ELEMENTS", ())}
        self._each(
            elements,
            {name: element.place for name, element in file.elements.items()},
            lambda name: f"element {name}",
            "global element",
        )
        for name, ours in elements.items():
            theirs = file.elements.get(name)
            if theirs is None:
                continue
            where = f"element {name}"
            if ours.abstract != theirs.abstract:
                self._report(where, "abstract", ours.abstract, theirs.abstract, theirs.place)
            head = None
            if ours.substitutes is not None:
                head = Name(ours.substitutes, ours.substitutes_ns or uri)
            if head != theirs.head:
                self._report(
                    where, "substitution group", _name(head, uri), _name(theirs.head, uri), theirs.place
                )
            self._pair(ours.type, theirs.type, where, theirs.place)

    # Types.

    def _pair(self, ours: AnyType, theirs: SimpleType | ComplexType, where: str, place: Place | None) -> None:
        """Compare two types that stand in the same place."""
        if isinstance(theirs, ComplexType):
            if isinstance(ours, type) and issubclass(ours, XsdType):
                self._pair_complex(ours, theirs, where, place)
            else:
                self._report(where, "type", _label(ours), theirs.label, place)
        elif isinstance(ours, type) and issubclass(ours, XsdType):
            self._report(where, "type", _label(ours), theirs.label, place)
        elif (ours, theirs) not in self._simple:
            self._simple.add((ours, theirs))
            if theirs.name is not None and theirs.name.uri in self.xsd.files:
                where = f"{theirs.label} ({where})"
            self._pair_simple(ours, theirs, where, place)

    def _pair_simple(
        self, ours: type[Enum] | Datatype, theirs: SimpleType, where: str, place: Place | None
    ) -> None:
        if not isinstance(ours, Datatype):
            self._enumerations.add(ours)
            if theirs.values is None:
                self._report(where, "type", _label(ours), f"{theirs.label}, no enumeration", theirs.place)
                return
            self._compare_stated(ours, theirs, where)
            if theirs.datatype.xsd != STRING.xsd:
                self._report(where, "datatype", STRING.xsd, theirs.datatype.xsd, theirs.place)
            self._compare_values([str(member.value) for member in ours], theirs, where)
            return
        if theirs.values is not None:
            self._report(where, "type", f"{_label(ours)}, no enumeration", theirs.label, theirs.place)
            return
        place = theirs.place if theirs.facets else place
        for field, facet in _FACETS.items():
            here, there = getattr(ours, field), getattr(theirs.datatype, field)
            if here != there:
                self._report(where, facet, _or_none(here), _or_none(there), place)

    def _compare_values(self, ours: list[str], theirs: SimpleType, where: str) -> None:
        values = list(theirs.values or ())
        if sorted(ours) == sorted(values) and ours != values:
            self._report(where, "order of values", ", ".join(ours), ", ".join(values), theirs.place)
            return
        for here, there in aligned(ours, values):
            mine = ABSENT if here is None else repr(ours[here])
            other = ABSENT if there is None else repr(values[there])
            if mine != other:
                number = (there if there is not None else here or 0) + 1
                self._report(where, f"value {number}", mine, other, theirs.place)

    def _pair_complex(self, cls: type[XsdType], theirs: ComplexType, where: str, place: Place | None) -> None:
        known = self.classes.get(cls)
        if known is theirs:
            return
        if known is None and self._is_alias(cls, theirs):
            self.classes[cls] = theirs
            self._pair_complex(cls.__mro__[1], theirs, where, place)
            return
        if known is not None or theirs in self._types:
            other = self._types.get(theirs)
            ours_is = "" if known is None else f" ({known.label})"
            theirs_is = "" if other is None else f" ({_label(other)})"
            self._report(where, "type", _label(cls) + ours_is, theirs.label + theirs_is, place)
            return
        self.classes[cls] = theirs
        self._types[theirs] = cls
        self._compare_stated(cls, theirs, theirs.label)
        self._compare_complex(cls, theirs)

    def _is_alias(self, cls: type[XsdType], theirs: ComplexType) -> bool:
        """Tell whether a class only tells apart one of several elements of a type; its base stands for the type.

        Documents find their element by the class of the root, so that two global elements need two classes.
        """
        base = cls.__mro__[1]
        name = "" if theirs.name is None else theirs.name.local
        if base is XsdType or _stated_name(cls) == name:
            return False
        if len(self.grammars.fields(cls)) > len(self.grammars.fields(base)):
            return False
        adds = theirs.content is not None or theirs.text is not None or bool(theirs.attributes)
        return adds or _stated_name(base) == name

    def _compare_stated(self, ours: type, theirs: SimpleType | ComplexType, where: str) -> None:
        """Compare what the docstring of a class says: the name of its type, and whether it is abstract."""
        stated = _STATED.match(ours.__doc__ or "")
        if stated is None:
            return
        name = theirs.name.local if theirs.name is not None else theirs.label.rpartition(" ")[2]
        if stated[1] != name:
            self._report(where, "type name in the docstring", stated[1], name, theirs.place)
        abstract = isinstance(theirs, ComplexType) and theirs.abstract
        if is_abstract(ours) != abstract:
            self._report(where, "abstract", is_abstract(ours), abstract, theirs.place)
        if bool(stated[2]) != abstract:
            self._report(where, "abstract, in the docstring", bool(stated[2]), abstract, theirs.place)

    def _compare_complex(self, cls: type[XsdType], theirs: ComplexType) -> None:
        where = theirs.label
        fields = self._compare_base(cls, theirs)
        mixed = any(isinstance(field.marker, Content) and field.marker.mixed for field in fields)
        if mixed != theirs.mixed:
            self._report(where, "mixed", mixed, theirs.mixed, theirs.place)
        texts = [field for field in fields if isinstance(field.marker, Text)]
        if (theirs.text is not None) != bool(texts):
            text = theirs.text.label if theirs.text is not None else ABSENT
            self._report(
                where, "simple content", _label(texts[0].type) if texts else ABSENT, text, theirs.place
            )
        elif theirs.text is not None:
            assert texts[0].type is not None
            self._pair(texts[0].type, theirs.text, f"{where}, text", theirs.place)
        self._compare_attributes(fields, theirs)
        self._compare_parts(of_fields(fields), of_xsd(theirs.content), where, theirs.place)

    def _compare_base(self, cls: type[XsdType], theirs: ComplexType) -> tuple[Field, ...]:
        """Compare what is extended, and return the fields that the class adds to it."""
        base: type[XsdType] | None = cls.__mro__[1]
        if base is XsdType:
            base = None
        if base is not None and theirs.base is not None:
            self._pair_complex(base, theirs.base, f"{theirs.label}, base", theirs.place)
        elif base is not None or theirs.base is not None:
            self._report(
                theirs.label,
                "base",
                ABSENT if base is None else _label(base),
                ABSENT if theirs.base is None else theirs.base.label,
                theirs.place,
            )
        inherited = 0 if base is None else len(self.grammars.fields(base))
        return self.grammars.fields(cls)[inherited:]

    def _compare_attributes(self, fields: tuple[Field, ...], theirs: ComplexType) -> None:
        ours: dict[str, tuple[Field, Attribute]] = {
            field.marker.name: (field, field.marker)
            for field in fields
            if isinstance(field.marker, Attribute)
        }
        declared: dict[str, AttributeDeclaration] = {
            attribute.name.local: attribute for attribute in theirs.attributes
        }
        self._each(
            ours,
            {name: attribute.place for name, attribute in declared.items()},
            lambda name: f"{theirs.label}, attribute {name}",
            "attribute",
        )
        for name, (field, marker) in ours.items():
            attribute = declared.get(name)
            if attribute is None:
                continue
            where = f"{theirs.label}, attribute {name}"
            if marker.ns != attribute.name.uri:
                self._report(
                    where, "namespace", marker.ns or "none", attribute.name.uri or "none", attribute.place
                )
            use, their_use = (
                "required" if required else "optional"
                for required in (field.mode.name == "REQUIRED", attribute.required)
            )
            if use != their_use:
                self._report(where, "use", use, their_use, attribute.place)
            assert field.type is not None
            self._pair(field.type, attribute.type, where, attribute.place)

    # Content models.

    def _compare_parts(self, ours: list[Part], theirs: list[Part], where: str, place: Place | None) -> None:
        keys, their_keys = [part.key for part in ours], [part.key for part in theirs]
        if keys != their_keys and sorted(keys) == sorted(their_keys):
            self._report(where, "order", ", ".join(map(str, ours)), ", ".join(map(str, theirs)), place)
            ours = sorted(ours, key=lambda part: part.key)
            theirs = sorted(theirs, key=lambda part: part.key)
        for here, there in aligned([part.key for part in ours], [part.key for part in theirs]):
            if here is None:
                assert there is not None
                self._report(_in(where, theirs[there]), "content", ABSENT, theirs[there], theirs[there].place)
            elif there is None:
                self._report(_in(where, ours[here]), "content", ours[here], ABSENT, place)
            else:
                self._compare_part(ours[here], theirs[there], where)

    def _compare_part(self, ours: Part, theirs: Part, where: str) -> None:
        place = theirs.place
        inside = _in(where, theirs)
        if ours.shape is not theirs.shape:
            self._report(inside, "content", ours, theirs, place)
            self._pair_below(ours, theirs, where)
            return
        if ours.name != theirs.name:
            assert ours.name is not None
            assert theirs.name is not None
            if ours.name.local != theirs.name.local:
                self._report(inside, "name", ours.name.local, theirs.name.local, place)
            if ours.name.uri != theirs.name.uri:
                self._report(inside, "namespace", ours.name.uri or "none", theirs.name.uri or "none", place)
        if ours.occurs != theirs.occurs:
            self._report(inside, "occurrence", bounds(ours.occurs), bounds(theirs.occurs), place)
        if ours.ref != theirs.ref:
            kinds = ("local element", "reference to a global element")
            self._report(inside, "declaration", kinds[ours.ref], kinds[theirs.ref], place)
        if ours.wildcard != theirs.wildcard:
            self._report(inside, "namespace", ours.wildcard, theirs.wildcard, place)
        if ours.kind is not None and theirs.kind is not None:
            self._pair_parts(ours, theirs, where)
        self._compare_parts(ours.members, theirs.members, inside, place)

    def _pair_parts(self, ours: Part, theirs: Part, where: str) -> None:
        assert isinstance(theirs.kind, SimpleType | ComplexType)
        assert ours.kind is not None
        assert not isinstance(ours.kind, SimpleType | ComplexType)
        self._pair(ours.kind, theirs.kind, _in(where, theirs), theirs.place)

    def _pair_below(self, ours: Part, theirs: Part, where: str) -> None:
        """Go on with the elements that two unequal parts share."""
        below = {part.key: part for part in element_parts(ours)}
        for part in element_parts(theirs):
            if part.key in below:
                self._pair_parts(below[part.key], part, where)

    # What no element uses.

    def _compare_unused(self, module: ModuleType, file: SchemaFile) -> None:
        stated = {_stated_name(cls): cls for cls in _own(module, XsdType)}
        for name, kind in file.types.items():
            if isinstance(kind, ComplexType) and kind not in self._types and name in stated:
                self._pair_complex(stated[name], kind, kind.label, kind.place)

    def _report_unpaired(self, module: ModuleType, file: SchemaFile) -> None:
        for cls in _own(module, XsdType):
            if cls not in self.classes:
                self._report(_label(cls), "type", "declared", ABSENT)
        for kind in file.types.values():
            if isinstance(kind, ComplexType) and kind not in self._types:
                self._report(kind.label, "type", ABSENT, "declared", kind.place)
        self._compare_unused_simple(module, file)

    def _compare_unused_simple(self, module: ModuleType, file: SchemaFile) -> None:
        paired = {theirs for _, theirs in self._simple}
        known: dict[str, type[Enum] | Datatype] = {
            _plain(name): value for name, value in vars(module).items() if isinstance(value, Datatype)
        }
        known |= {_plain(_stated_name(cls) or cls.__name__): cls for cls in _own(module, Enum)}
        for name, kind in file.types.items():
            if isinstance(kind, ComplexType) or kind in paired:
                continue
            ours = known.get(_plain(name))
            if ours is None:
                self._report(kind.label, "type", ABSENT, "declared", kind.place)
            else:
                self._pair(ours, kind, "unused", kind.place)
        for cls in _own(module, Enum):
            if cls not in self._enumerations:
                self._report(_label(cls), "type", "declared", ABSENT)


def _in(where: str, part: Part) -> str:
    if part.shape is Shape.ELEMENT:
        return f"{where}, element {part.key}"
    return f"{where}, {part.shape.value}"


def _own(module: ModuleType, base: type[_Kind]) -> Iterator[type[_Kind]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__:
            yield value


def _stated_name(cls: type) -> str:
    stated = _STATED.match(cls.__doc__ or "")
    return "" if stated is None else stated[1]


def _plain(name: str) -> str:
    """Return a type's or constant's name as both sides spell it: ``faultMsgType``, ``FAULT_MSG``."""
    return name.replace("_", "").lower().removesuffix("type")


def _label(kind: object) -> str:
    if isinstance(kind, Datatype):
        return f"xs:{kind.xsd}"
    assert isinstance(kind, type)
    return f"class {kind.__name__}"


def _name(name: Name | None, uri: str) -> str:
    if name is None:
        return "none"
    return name.local if name.uri == uri else f"{name.local} of {name.uri}"


def _or_none(value: object) -> str:
    return "none" if value is None else str(value)
