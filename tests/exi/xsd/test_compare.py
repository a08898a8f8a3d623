import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

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


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_are_refused_or_differ(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever a file says, the answer is a comparison or an XsdError."""
    text = mini.TYPES
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text) - 1))
        end = start + data.draw(st.integers(0, 40))
        # Pieces of the file itself reach further than random characters.
        source = data.draw(st.integers(0, len(text) - 1))
        piece = text[source : source + data.draw(st.integers(0, 80))]
        text = text[:start] + data.draw(st.one_of(st.just(piece), st.text(max_size=3))) + text[end:]
    text = text.encode("utf-8", "replace").decode()
    folder = mini.write(tmp_path, types=text)
    with suppress(XsdError):
        compare(SCHEMA, folder)
