"""The initial URI and local-name string tables of a schema-informed stream [EXI appendix D].

They matter only where a wildcard admits an element: its name is then written through these tables.
"""

from typing import Final

from exi.grammar import Grammars

XML: Final = "http://www.w3.org/XML/1998/namespace"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSD: Final = "http://www.w3.org/2001/XMLSchema"

_XSD_TYPES = (
    "ENTITIES ENTITY ID IDREF IDREFS NCName NMTOKEN NMTOKENS NOTATION Name QName anySimpleType anyType anyURI "
    "base64Binary boolean byte date dateTime decimal double duration float gDay gMonth gMonthDay gYear "
    "gYearMonth hexBinary int integer language long negativeInteger nonNegativeInteger nonPositiveInteger "
    "normalizedString positiveInteger short string time token unsignedByte unsignedInt unsignedLong "
    "unsignedShort"
)

_PREDEFINED: Final = {
    "": "",
    XML: "base id lang space",
    XSI: "nil type",
    XSD: _XSD_TYPES,
}


def local_name_partitions(grammars: Grammars) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the URIs in table order, and for each the sorted local names that its partition starts with.

    A partition holds the names of all elements, attributes and named types of its namespace; modules
    state the type names as ``TYPES``, separated by spaces.
    """
    names: dict[str, set[str]] = {uri: set(known.split()) for uri, known in _PREDEFINED.items()}
    targets = sorted({str(module.NAMESPACE) for module in grammars.schema.modules})
    for uri in targets:
        names.setdefault(uri, set())
    for module in grammars.schema.modules:
        names[str(module.NAMESPACE)].update(getattr(module, "TYPES", "").split())
    for declarations in grammars.elements:
        names[declarations[0].name.uri].add(declarations[0].name.local)
    for uses in grammars.attributes:
        names[uses[0].name.uri].add(uses[0].name.local)
    return tuple(names), tuple(tuple(sorted(partition)) for partition in names.values())
