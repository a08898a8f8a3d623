import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, event, given, settings

from exi.errors import SchemaError
from exi.grammar import Grammars
from exi.schema import MessageSet, Particle
from exi.xsd import Folder, XsdError, compare
from tests.exi.xsd import mini, models
from tests.exi.xsd.mini_main import SCHEMA, Ask


def test_an_equal_set_counts_what_was_compared(tmp_path: Path) -> None:
    comparison = compare(SCHEMA, mini.write(tmp_path))
    assert comparison.differences == []
    assert comparison.files == [tmp_path / "main.xsd", tmp_path / "deeper" / "types.XSD"]
    counts = comparison.counts
    assert (counts.files, counts.types, counts.elements) == (2, 17, 27)
    assert (counts.attributes, counts.facets) == (4, 13)
    assert (counts.document_codes, counts.fragment_codes) == (13, 27)
    assert counts.productions == 479


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(particle=models.particles())
def test_any_content_model_gives_equal_grammars(tmp_path: Path, particle: Particle) -> None:
    """Tables derived from a class by positions and counters, states derived from an XSD by derivatives."""
    schema = models.message_set(particle)
    names = models.letters_of(particle)
    assume(len(set(names)) == len(names))
    try:
        Grammars(schema)
    except SchemaError:
        event("the notation cannot express it")
        assume(False)
    (tmp_path / "random.xsd").write_text(models.schema_text(particle))
    comparison = compare(schema, Folder(tmp_path))
    assert list(map(str, comparison.differences)) == []


def test_classes_that_give_no_grammar_are_a_difference(tmp_path: Path) -> None:
    broken = MessageSet("broken", "urn:mini:main", (sys.modules[Ask.__module__],))
    (difference,) = compare(broken, mini.write(tmp_path)).differences
    assert difference.where == "message classes"
    assert "no module of MessageSet('broken') declares it" in difference.ours


def test_a_file_that_cannot_be_read_raises(tmp_path: Path) -> None:
    folder = mini.write(tmp_path, types=mini.TYPES.replace("t:levelType", "t:gone", 1))
    with pytest.raises(XsdError, match=r"types\.XSD:17: there is no simple type gone in urn:mini:types"):
        compare(SCHEMA, folder)
