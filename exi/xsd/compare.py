"""Compares one message set with the XSD files that declare its namespaces."""

from exi.errors import SchemaError
from exi.grammar import Grammars
from exi.schema import MessageSet
from exi.tables import tables_of
from exi.xsd.declarations import Declarations
from exi.xsd.differences import Comparison, Counts, Difference
from exi.xsd.model import SchemaSet
from exi.xsd.reader import read_set
from exi.xsd.roots import RootCheck
from exi.xsd.source import Folder
from exi.xsd.tables import TypeCheck


def compare(schema: MessageSet, folder: Folder) -> Comparison:
    """Compare a message set with the XSD files in a folder. Raises XsdError where these cannot be read."""
    xsd = read_set(folder, schema.namespace)
    counts = _count(xsd)
    files = [file.path for file in xsd.files.values()]
    try:
        declarations = Declarations(Grammars(schema), xsd)
        tables = tables_of(schema)
    except SchemaError as error:
        difference = Difference("message classes", "grammar", str(error), "can be derived")
        return Comparison([difference], counts, files)
    types, roots = (check(tables, xsd, declarations.classes) for check in (TypeCheck, RootCheck))
    counts.productions = types.productions + roots.productions
    differences = [*declarations.differences, *types.differences, *roots.differences]
    return Comparison(differences, counts, files)


def _count(xsd: SchemaSet) -> Counts:
    return Counts(
        files=len(xsd.files),
        types=len(xsd.complex_types) + len(xsd.simple_types),
        elements=sum(1 for _ in xsd.declarations()),
        attributes=sum(len(kind.attributes) for kind in xsd.complex_types),
        facets=sum(kind.facets for kind in xsd.simple_types),
        # Any element ends the list of a document, any element and the end that of a fragment.
        document_codes=sum(1 for _ in xsd.elements()) + 1,
        fragment_codes=len({declaration.name for declaration in xsd.declarations()}) + 2,
    )
