"""Every single change to an XSD that a comparison must notice, made in the parsed nodes and taken back."""

from collections.abc import Iterator
from contextlib import contextmanager

from exi.xsd.source import Node

_FACETS = {"length", "minLength", "maxLength", "minInclusive", "maxInclusive"}
_GROUPS = {"sequence", "choice"}
_PARTICLES = {"element", "any", *_GROUPS}
_RANGES = {"unsignedByte": (0, 255), "unsignedShort": (0, 65535), "unsignedInt": (0, 2**32 - 1)}


class Mutation:
    """One change to one node; ``label`` says which. ``with mutation.applied():`` makes it for a while."""

    def __init__(self, label: str, node: Node, attributes: dict[str, str | None]) -> None:
        self.label = (
            f"{node.place} xs:{node.tag} {node.get('name') or node.get('ref') or node.get('value')}: {label}"
        )
        self.node = node
        self.attributes = attributes

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = dict(self.node.attributes)
        for name, value in self.attributes.items():
            if value is None:
                del self.node.attributes[name]
            else:
                self.node.attributes[name] = value
        yield
        self.node.attributes.clear()
        self.node.attributes.update(before)


class Replacement(Mutation):
    """A change of a node's children."""

    def __init__(self, label: str, node: Node, parent: Node, children: list[Node]) -> None:
        super().__init__(label, node, {})
        self.parent = parent
        self.children = children

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = list(self.parent.children)
        self.parent.children[:] = self.children
        yield
        self.parent.children[:] = before


class Retag(Mutation):
    """Another tag."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        before = self.node.tag
        self.node.tag = "choice" if before == "sequence" else "sequence"
        yield
        self.node.tag = before


def mutations(root: Node) -> Iterator[Mutation]:
    """Yield the changes that make a difference, of a whole file."""
    yield from _of_root(root)
    for child in root.children:
        if child.tag != "import":
            yield Replacement("deleted", child, root, [node for node in root.children if node is not child])
            yield from _of_node(child, root)


def _of_root(root: Node) -> Iterator[Mutation]:
    tags = {(node.tag, "name" in node.attributes, above is root) for node, above in _walk(root)}
    for tag, form in (("element", "elementFormDefault"), ("attribute", "attributeFormDefault")):
        if (tag, True, False) in tags:
            other = "unqualified" if root.get(form) == "qualified" else "qualified"
            yield Mutation(f"{form} {other}", root, {form: other})


def _walk(node: Node) -> Iterator[tuple[Node, Node]]:
    for child in node.children:
        yield child, node
        yield from _walk(child)


def _of_node(node: Node, parent: Node) -> Iterator[Mutation]:
    if node.tag in _PARTICLES and parent.tag != "schema":
        yield from _of_particle(node, parent)
    match node.tag:
        case "element" | "complexType" | "simpleType":
            yield from _of_declaration(node)
        case "attribute":
            use = None if node.get("use") == "required" else "required"
            yield Mutation(f"use {use}", node, {"use": use})
            yield from _of_declaration(node)
            yield Replacement(
                "deleted", node, parent, [other for other in parent.children if other is not node]
            )
        case "enumeration":
            yield Mutation("value", node, {"value": node.need("value") + "X"})
            yield from _of_member(node, parent, "enumeration")
        case "extension" | "restriction":
            yield from _of_base(node)
        case tag if tag in _FACETS:
            yield from _of_facet(node, parent)
    for child in node.children:
        yield from _of_node(child, node)


def _of_particle(node: Node, parent: Node) -> Iterator[Mutation]:
    if not (node.tag in _GROUPS and not node.children):
        minimum, maximum = (node.attributes.get(name, "1") for name in ("minOccurs", "maxOccurs"))
        yield Mutation("minOccurs", node, {"minOccurs": "0" if minimum != "0" else "1"})
        if maximum == "unbounded":
            yield Mutation("maxOccurs 7", node, {"maxOccurs": "7"})
        else:
            yield Mutation("maxOccurs + 1", node, {"maxOccurs": str(int(maximum) + 1)})
            yield Mutation("maxOccurs unbounded", node, {"maxOccurs": "unbounded"})
            if int(maximum) > 1:
                yield Mutation("maxOccurs - 1", node, {"maxOccurs": str(int(maximum) - 1)})
    if node.tag in _GROUPS and len(node.children) > 1:
        yield Retag("other group", node, {})
    if node.tag == "any":
        other = "##any" if node.get("namespace") == "##other" else "##other"
        yield Mutation(f"namespace {other}", node, {"namespace": other})
    if node.tag not in _GROUPS or node.children:
        yield from _of_member(node, parent, None)


def _of_member(node: Node, parent: Node, tag: str | None) -> Iterator[Mutation]:
    index = next(index for index, child in enumerate(parent.children) if child is node)
    siblings = parent.children
    yield Replacement("deleted", node, parent, siblings[:index] + siblings[index + 1 :])
    yield Replacement("doubled", node, parent, [*siblings[: index + 1], *siblings[index:]])
    following = siblings[index + 1 : index + 2]
    if following and (following[0].tag == tag or (tag is None and following[0].tag in _PARTICLES)):
        yield Replacement(
            "swapped", node, parent, [*siblings[:index], *following, node, *siblings[index + 2 :]]
        )


def _of_declaration(node: Node) -> Iterator[Mutation]:
    if "name" in node.attributes:
        yield Mutation("renamed", node, {"name": node.need("name") + "X"})
    if "type" in node.attributes:
        xsd = next(prefix for prefix, uri in node.prefixes.items() if uri.endswith("/XMLSchema"))
        colon = f"{xsd}:" if xsd else ""
        kind = "hexBinary" if node.need("type") != f"{colon}hexBinary" else "anyURI"
        yield Mutation(f"type {kind}", node, {"type": colon + kind})
    if node.tag == "element" and "substitutionGroup" in node.attributes:
        yield Mutation("no substitution group", node, {"substitutionGroup": None})
    if (
        "name" in node.attributes
        and node.tag in {"element", "complexType"}
        and "minOccurs" not in node.attributes
    ):
        yield Mutation("abstract", node, {"abstract": "false" if node.flag("abstract") else "true"})
    if node.tag == "complexType":
        yield Mutation("mixed", node, {"mixed": "false" if node.flag("mixed") else "true"})


def _of_base(node: Node) -> Iterator[Mutation]:
    prefix, colon, local = node.need("base").rpartition(":")
    other = {"string": "anyURI", "base64Binary": "hexBinary", "byte": "short"}.get(local, "byte")
    if node.prefixes.get(prefix, "").endswith("/XMLSchema"):
        yield Mutation(f"base {other}", node, {"base": f"{prefix}{colon}{other}"})


def _of_facet(node: Node, parent: Node) -> Iterator[Mutation]:
    value = int(node.need("value"))
    yield Mutation("value + 1", node, {"value": str(value + 1)})
    yield Mutation("value - 1", node, {"value": str(value - 1)})
    base = parent.need("base").rpartition(":")[2]
    # A bound that the built-in type has anyway says nothing.
    if value not in _RANGES.get(base, ()):
        yield Replacement("deleted", node, parent, [other for other in parent.children if other is not node])
