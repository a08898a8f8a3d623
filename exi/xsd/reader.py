"""Reads XSD files into the model of :mod:`exi.xsd.model`.

What occurs in the schemas of ISO 15118 and DIN SPEC 70121 is read: elements (local, global, references, abstract,
substitution groups), named and anonymous types, extension of simple and complex content, sequences, choices,
wildcards (``processContents`` says nothing to EXI and is left out), attributes, mixed content, restrictions by
enumeration, length and range, both form defaults, and imports. Anything else raises :class:`XsdError`; nothing is
passed over in silence.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exi import schema
from exi.grammar import Name
from exi.names import XSD
from exi.schema import Datatype, Kind
from exi.xsd.model import (
    AnyParticle,
    AttributeDeclaration,
    ComplexType,
    ElementDeclaration,
    ElementParticle,
    GroupParticle,
    Occurs,
    Particle,
    SchemaFile,
    SchemaSet,
    SimpleType,
)
from exi.xsd.source import Folder, Node, Place, Source, XsdError

MAX_OCCURS: Final = 65535
"""Largest bounded number of repetitions: EXI unrolls them."""

_BUILT_IN: Final = {
    datatype.xsd: datatype for datatype in vars(schema).values() if isinstance(datatype, Datatype)
}

_NUMBER: Final = re.compile("[+-]?[0-9]{1,40}")
_LENGTHS: Final = ("length", "minLength", "maxLength")
_RANGES: Final = ("minInclusive", "maxInclusive")
_OCCURS: Final = ("minOccurs", "maxOccurs")
_FORMS: Final = ("elementFormDefault", "attributeFormDefault")


def read_set(folder: Folder, namespace: str) -> SchemaSet:
    """Read the file that declares ``namespace`` and all that it imports. Raises XsdError."""
    return _SetReader(folder).read(namespace)


class _SetReader:
    """Reads one set: first all names, then what stands behind them, for types may refer to each other."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.simple: dict[Name, SimpleType] = {}
        self.complex: dict[Name, ComplexType] = {}
        self.elements: dict[Name, ElementDeclaration] = {}
        self.simple_nodes: dict[Name, tuple[Node, _FileReader]] = {}
        self.result = SchemaSet("")
        self._open: list[Name] = []
        self._built_in = {
            Name(name, XSD): SimpleType(Name(name, XSD), f"xs:{name}", Place(Path()), datatype)
            for name, datatype in _BUILT_IN.items()
        }

    def read(self, namespace: str) -> SchemaSet:
        self.result.namespace = namespace
        readers = self._imports(self.folder.find(namespace))
        for reader in readers:
            reader.declare_types()
        for name in self.simple_nodes:
            self.simple_type(name, self.simple_nodes[name][0])
        for reader in readers:
            reader.declare_elements()
        for reader in readers:
            reader.define()
        for kind in self.result.complex_types:
            _check_extension(kind)
        return self.result

    def _imports(self, source: Source) -> "list[_FileReader]":
        readers = [_FileReader(self, source)]
        for reader in readers:
            for node in reader.import_nodes():
                uri = node.need("namespace")
                reader.visible.add(uri)
                if uri not in self.result.files:
                    readers.append(_FileReader(self, self.folder.find(uri, node)))
        return readers

    def simple_type(self, name: Name, user: Node) -> SimpleType:
        """Return a simple type by name, read at the first call."""
        known = self.simple.get(name) or self._built_in.get(name)
        if known is not None:
            return known
        if name not in self.simple_nodes:
            raise XsdError(user.place, _unknown("simple type", name))
        if name in self._open:
            raise XsdError(user.place, f"the type {name.local} is derived from itself")
        self._open.append(name)
        node, reader = self.simple_nodes[name]
        self.simple[name] = known = reader.simple_type(node, name, f"type {name.local}")
        self._open.pop()
        return known


class _FileReader:
    """Reads one file of a set."""

    def __init__(self, owner: _SetReader, source: Source) -> None:
        self.owner = owner
        self.root = source.root
        self.namespace = source.namespace
        self.visible = {source.namespace, XSD}
        self.file = SchemaFile(source.namespace, source.path, source.root.place)
        owner.result.files[source.namespace] = self.file
        _expect(
            self.root,
            ("targetNamespace", "version", "id", *_FORMS),
            ("import", "element", "complexType", "simpleType"),
        )
        self.element_uri, self.attribute_uri = (self._default_uri(form) for form in _FORMS)
        self._elements: list[tuple[Node, ElementDeclaration]] = []
        self._types: list[tuple[Node, ComplexType]] = []

    def _default_uri(self, attribute: str) -> str:
        form = self.root.attributes.get(attribute, "unqualified")
        if form not in {"qualified", "unqualified"}:
            raise XsdError(self.root.place, f"{attribute}={form!r} is neither qualified nor unqualified")
        return self.namespace if form == "qualified" else ""

    def _top(self, *tags: str) -> Iterator[Node]:
        return (node for node in self.root.children if node.tag in tags)

    def import_nodes(self) -> Iterator[Node]:
        """Yield the file's imports."""
        for node in self._top("import"):
            _expect(node, ("namespace", "schemaLocation", "id"), ())
            yield node

    # First pass: names.

    def declare_types(self) -> None:
        for node in self._top("complexType", "simpleType"):
            name = Name(node.need("name"), self.namespace)
            if name in self.owner.complex or name in self.owner.simple_nodes:
                raise XsdError(node.place, f"the type {name.local} is declared twice")
            if node.tag == "simpleType":
                self.owner.simple_nodes[name] = (node, self)
            else:
                kind = ComplexType(name, f"type {name.local}", self.namespace, node.place)
                self.owner.complex[name] = self.file.types[name.local] = kind
                self._types.append((node, kind))

    def declare_elements(self) -> None:
        for node in self._top("element"):
            _expect(
                node,
                ("name", "type", "abstract", "substitutionGroup", "id"),
                ("complexType", "simpleType"),
            )
            name = Name(node.need("name"), self.namespace)
            if name in self.owner.elements:
                raise XsdError(node.place, f"the element {name.local} is declared twice")
            kind = self._type_of(node, is_global=True)
            declaration = ElementDeclaration(name, kind, node.place, node.flag("abstract"))
            self.owner.elements[name] = self.file.elements[name.local] = declaration
            self._elements.append((node, declaration))

    # Second pass: what the names stand for.

    def define(self) -> None:
        for node, declaration in self._elements:
            head = node.qname("substitutionGroup")
            if head is not None:
                declaration.head = self._global(head, node).name
        for node, kind in self._types:
            named = ("name", "abstract") if kind.name is not None else ()
            _expect(node, (*named, "mixed", "id"), _TYPE_CHILDREN)
            self._define(node, kind)
        for name, simple in self.owner.simple.items():
            if name.uri == self.namespace:
                self.file.types[name.local] = simple

    def _define(self, node: Node, kind: ComplexType) -> None:
        self.owner.result.complex_types.append(kind)
        kind.abstract = node.flag("abstract")
        kind.mixed = node.flag("mixed")
        if any(child.tag in {"simpleContent", "complexContent"} for child in node.children):
            (content,) = _only(node, 1)
            (extension,) = _only(content, 1)
            self._define_extension(content, extension, kind)
        else:
            self._define_content(node.children, kind)

    def _define_extension(self, content: Node, extension: Node, kind: ComplexType) -> None:
        simple = content.tag == "simpleContent"
        _expect(content, ("id",) if simple else ("mixed", "id"), ("extension",))
        _expect(
            extension,
            ("base", "id"),
            ("attribute",) if simple else ("sequence", "choice", "attribute"),
        )
        extension.need("base")
        base = self._reference(extension, "base")
        if simple:
            kind.text = self.owner.simple_type(base, extension)
        else:
            kind.mixed = kind.mixed or content.flag("mixed")
            if base not in self.owner.complex:
                raise XsdError(extension.place, _unknown("complex type", base))
            kind.base = self.owner.complex[base]
        self._define_content(extension.children, kind)

    def _define_content(self, children: list[Node], kind: ComplexType) -> None:
        for child in children:
            if child.tag == "attribute":
                attribute = self._attribute(child)
                if attribute.name in {known.name for known in kind.attributes}:
                    raise XsdError(child.place, f"the attribute {attribute.name.local} is declared twice")
                kind.attributes = (*kind.attributes, attribute)
            elif kind.content is not None or kind.attributes:
                raise XsdError(child.place, f"xs:{child.tag} may not stand here")
            else:
                kind.content = self._group(child)

    def _attribute(self, node: Node) -> AttributeDeclaration:
        _expect(node, ("name", "type", "use", "id"), ("simpleType",))
        name = Name(node.need("name"), self.attribute_uri)
        use = node.attributes.get("use", "optional")
        if use not in {"optional", "required"}:
            raise XsdError(node.place, f"use={use!r} is not supported")
        if ("type" in node.attributes) == bool(node.children):
            raise XsdError(node.place, f"the attribute {name.local} needs one type")
        if node.children:
            simple = self.simple_type(node.children[0], None, f"type of attribute {name.local}")
        else:
            simple = self.owner.simple_type(self._reference(node, "type"), node)
        return AttributeDeclaration(name, simple, use == "required", node.place)

    def _particle(self, node: Node) -> Particle:
        match node.tag:
            case "element":
                return self._element(node)
            case "any":
                _expect(node, ("namespace", "processContents", "id", *_OCCURS), ())
                namespace = node.attributes.get("namespace", "##any")
                if namespace not in {"##any", "##other"}:
                    raise XsdError(node.place, f"a wildcard for {namespace!r} is not supported")
                return AnyParticle(namespace, _occurs(node), node.place)
            case _:
                return self._group(node)

    def _group(self, node: Node) -> GroupParticle:
        _expect(node, ("id", *_OCCURS), ("element", "any", "sequence", "choice"))
        members = tuple(self._particle(child) for child in node.children)
        if node.tag == "choice" and not members:
            raise XsdError(node.place, "a choice without alternatives")
        return GroupParticle(node.tag == "choice", members, _occurs(node), node.place)

    def _element(self, node: Node) -> ElementParticle:
        if "ref" in node.attributes:
            _expect(node, ("ref", "id", *_OCCURS), ())
            declaration = self._global(self._reference(node, "ref"), node)
            return ElementParticle(declaration, True, _occurs(node), node.place)
        _expect(node, ("name", "type", "id", *_OCCURS), ("complexType", "simpleType"))
        name = Name(node.need("name"), self.element_uri)
        declaration = ElementDeclaration(name, self._type_of(node), node.place)
        return ElementParticle(declaration, False, _occurs(node), node.place)

    def _type_of(self, node: Node, *, is_global: bool = False) -> SimpleType | ComplexType:
        """Return the type of an element: named, or declared inside it.

        That of a global element is defined later: it may refer to elements that are not declared yet.
        """
        if ("type" in node.attributes) == bool(node.children) or len(node.children) > 1:
            raise XsdError(node.place, f"the element {node.need('name')} needs one type")
        label = f"type of element {node.need('name')}"
        if not node.children:
            name = self._reference(node, "type")
            return self.owner.complex.get(name) or self.owner.simple_type(name, node)
        child = node.children[0]
        if child.tag == "simpleType":
            return self.simple_type(child, None, label)
        kind = ComplexType(None, label, self.namespace, child.place)
        if is_global:
            self._types.append((child, kind))
        else:
            _expect(child, ("mixed", "id"), _TYPE_CHILDREN)
            self._define(child, kind)
        return kind

    def _global(self, name: Name, node: Node) -> ElementDeclaration:
        declaration = self.owner.elements.get(name)
        if declaration is None:
            raise XsdError(node.place, _unknown("global element", name))
        return declaration

    def _reference(self, node: Node, attribute: str) -> Name:
        """Return the qualified name in an attribute, which must be of a namespace that the file imports."""
        name = node.qname(attribute)
        assert name is not None
        if name.uri not in self.visible:
            raise XsdError(node.place, f"{name.local} is of {name.uri!r}, which the file does not import")
        return name

    def simple_type(self, node: Node, name: Name | None, label: str) -> SimpleType:
        """Return the simple type that a node declares."""
        _expect(node, ("id",) if name is None else ("name", "id"), ("restriction",))
        (restriction,) = _only(node, 1)
        _expect(restriction, ("base", "id"), (*_LENGTHS, *_RANGES, "enumeration"))
        restriction.need("base")
        base = self.owner.simple_type(self._reference(restriction, "base"), restriction)
        simple = _restricted(base, restriction, SimpleType(name, label, node.place, base.datatype))
        self.owner.result.simple_types.append(simple)
        return simple


_TYPE_CHILDREN: Final = ("simpleContent", "complexContent", "sequence", "choice", "attribute")


def _restricted(base: SimpleType, restriction: Node, simple: SimpleType) -> SimpleType:
    """Fill in a simple type from its base and its facets."""
    values: list[str] = []
    facets: dict[str, int] = {}
    kind = base.datatype.kind
    for node in restriction.children:
        _expect(node, ("value", "id"), ())
        value = node.need("value")
        if node.tag == "enumeration":
            if kind is not Kind.STRING:
                raise XsdError(node.place, f"an enumeration of {base.datatype.xsd} is not supported")
            if value in values:
                raise XsdError(node.place, f"the value {value!r} stands twice")
            values.append(value)
            continue
        fitting = (Kind.INTEGER,) if node.tag in _RANGES else (Kind.STRING, Kind.BINARY)
        if kind not in fitting or base.values is not None:
            raise XsdError(node.place, f"xs:{node.tag} does not apply to {base.datatype.xsd}")
        if node.tag in facets:
            raise XsdError(node.place, f"xs:{node.tag} stands twice")
        facets[node.tag] = _number(node, "value")
    simple.datatype = base.datatype.restrict(
        minimum=facets.get("minInclusive"),
        maximum=facets.get("maxInclusive"),
        length=facets.get("length"),
        min_length=facets.get("minLength"),
        max_length=facets.get("maxLength"),
    )
    if values and facets:
        raise XsdError(restriction.place, "an enumeration with further facets is not supported")
    simple.values = tuple(values) or base.values
    simple.facets = len(facets) + len(values)
    return simple


def _check_extension(kind: ComplexType) -> None:
    """Refuse extensions that XSD does not allow."""
    seen = {kind}
    current = kind.base
    while current is not None:
        if current in seen:
            raise XsdError(kind.place, f"the {kind.label} extends itself")
        seen.add(current)
        current = current.base
    base = kind.base
    if base is None:
        return
    if base.text is not None:
        raise XsdError(kind.place, f"the {kind.label} extends simple content by complex content")
    if base.mixed != kind.mixed and (base.mixed or base.content is not None):
        raise XsdError(kind.place, f"the {kind.label} and its base do not agree about mixed content")


def _expect(node: Node, attributes: tuple[str, ...], children: tuple[str, ...]) -> None:
    """Refuse what is not supported in a node."""
    for attribute in node.attributes:
        if attribute not in attributes:
            raise XsdError(node.place, f"the attribute {attribute} of xs:{node.tag} is not supported here")
    for child in node.children:
        if child.tag not in children:
            raise XsdError(child.place, f"xs:{child.tag} in xs:{node.tag} is not supported")


def _only(node: Node, count: int) -> list[Node]:
    if len(node.children) != count:
        raise XsdError(node.place, f"xs:{node.tag} has {len(node.children)} children, not {count}")
    return node.children


def _occurs(node: Node) -> Occurs:
    minimum = _number(node, "minOccurs") if "minOccurs" in node.attributes else 1
    if node.get("maxOccurs") == "unbounded" and 0 <= minimum <= MAX_OCCURS:
        return minimum, None
    maximum = _number(node, "maxOccurs") if "maxOccurs" in node.attributes else 1
    if not 0 <= minimum <= maximum or not 0 < maximum <= MAX_OCCURS:
        raise XsdError(node.place, f"xs:{node.tag} occurs {minimum} to {maximum} times: not supported")
    return minimum, maximum


def _number(node: Node, attribute: str) -> int:
    value = node.need(attribute)
    if _NUMBER.fullmatch(value.strip()) is None:
        raise XsdError(node.place, f"{attribute}={value!r} is not a number")
    return int(value)


def _unknown(what: str, name: Name) -> str:
    if name.uri == XSD:
        return f"the built-in type xs:{name.local} is not supported"
    return f"there is no {what} {name.local} in {name.uri or 'no namespace'}"
