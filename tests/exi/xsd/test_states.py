import re
from collections import deque
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exi.grammar import Event
from exi.schema import Particle
from exi.xsd.model import ComplexType
from exi.xsd.reader import read_set
from exi.xsd.source import Folder, XsdError
from exi.xsd.states import ElementState, TypeStates, may_be_empty
from exi.xsd.tables import event_of
from tests.exi.xsd import mini, models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return mini.write(tmp_path_factory.mktemp("mini"))


def states_of(folder: Folder, name: str) -> TypeStates:
    xsd = read_set(folder, "urn:mini:main")
    kind = next(kind for kind in xsd.complex_types if kind.label == name)
    return TypeStates(xsd, kind)


def events(states: TypeStates, state: ElementState | None) -> list[str]:
    assert state is not None
    return [event_of(production).rpartition("}")[2] for production in states.productions(state)]


def follow(states: TypeStates, *path: str) -> ElementState | None:
    state: ElementState | None = states.start
    for step in path:
        assert state is not None
        names = events(states, state)
        state = states.productions(state)[names.index(step)].next
    return state


def test_attributes_come_first_by_name_and_required_ones_bar_the_way(folder: Folder) -> None:
    right = states_of(folder, "type RightType")
    assert events(right, right.start) == ["Kind"]  # A qualified attribute: its name is behind the URI.
    assert events(right, follow(right, "Kind")) == ["Number"]
    ask = states_of(folder, "type AskType")
    assert events(ask, ask.start) == ["@version", "ID"]
    assert events(ask, follow(ask, "@version")) == ["ID"]


def test_a_substitution_group_is_one_place_with_its_members_by_name(folder: Folder) -> None:
    ask = states_of(folder, "type AskType")
    assert events(ask, follow(ask, "ID")) == ["Base", "Left", "Right", "Count"]


def test_bounded_repetition_is_unrolled(folder: Folder) -> None:
    ask = states_of(folder, "type AskType")
    counted = [events(ask, follow(ask, "ID", *["Count"] * times)) for times in range(1, 6)]
    assert counted == [["Count"], ["Count", "Total"], ["Count", "Total"], ["Count", "Total"], ["Total"]]


def test_unbounded_repetition_comes_back(folder: Folder) -> None:
    ask = states_of(folder, "type AskType")
    before = ["ID", "Count", "Count"]
    assert events(ask, follow(ask, *before, "Total")) == ["Total"]
    enough = follow(ask, *before, "Total", "Total")
    assert events(ask, enough) == ["Total", "Yes", "No"]
    assert follow(ask, *before, *["Total"] * 9) == enough


def test_choices_and_the_end(folder: Folder) -> None:
    ask = states_of(folder, "type AskType")
    path = ["ID", "Count", "Count", "Total", "Total", "No"]
    assert events(ask, follow(ask, *path)) == ["Early", "Late", "Key", "end"]
    assert events(ask, follow(ask, *path, "Early")) == ["Key", "end"]
    assert events(ask, follow(ask, *path, "Late")) == ["Late", "Key", "end"]
    assert events(ask, follow(ask, *path, "Late", "Late")) == ["Key", "end"]
    assert follow(ask, *path, "Key", "end") is None


def test_simple_content_mixed_content_and_wildcards(folder: Folder) -> None:
    key = states_of(folder, "type KeyType")
    assert events(key, follow(key, "Id")) == ["text"]
    assert events(key, follow(key, "Id", "text")) == ["end"]
    note = states_of(folder, "type NoteType")
    assert events(note, note.start) == ["Language", "any(##other)", "end", "text"]
    assert events(note, follow(note, "text")) == ["any(##other)", "end", "text"]
    path = states_of(folder, "type PathType")
    assert events(path, path.start) == ["X", "Z", "any(##any)"]
    assert events(path, follow(path, "X", "Y", "any(##any)")) == ["Z", "any(##any)", "end"]


def test_an_extension_follows_its_base(folder: Folder) -> None:
    more = states_of(folder, "type MoreType")
    path = ["ID", "Count", "Count", "Total", "Total", "No", "Key"]
    assert events(more, follow(more, *path)) == ["Note", "Path", "end"]
    assert events(more, follow(more, *path, *["Note"] * 70)) == ["Path", "end"]


def one_type(directory: Path, particle: Particle) -> TypeStates:
    (directory / "random.xsd").write_text(models.schema_text(particle))
    xsd = read_set(Folder(directory), models.NAMESPACE)
    kind = xsd.files[models.NAMESPACE].types["T"]
    assert isinstance(kind, ComplexType)
    return TypeStates(xsd, kind)


def accepted(states: TypeStates, longest: int) -> set[str]:
    """Return the words up to a length that the states accept."""
    words: set[str] = set()
    queue = deque([("", states.start)])
    while queue:
        word, state = queue.popleft()
        for production in states.productions(state):
            if production.event is Event.END:
                words.add(word)
            elif len(word) < longest:
                assert production.next is not None
                queue.append((word + event_of(production).rpartition("}")[2], production.next))
    return words


def words(alphabet: str, longest: int) -> list[str]:
    found = [""]
    level = [""]
    for _ in range(longest):
        level = [word + letter for word in level for letter in alphabet]
        found += level
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(particle=models.particles("abc"))
def test_states_accept_what_the_model_says(tmp_path: Path, particle: Particle) -> None:
    """Held against Python's regular expressions, which know nothing of derivatives or of XSD."""
    states = one_type(tmp_path, particle)
    pattern = re.compile(models.regex_of(particle))
    try:
        found = accepted(states, 5)
    except XsdError:
        return  # Ambiguous: no grammar has to be made of it.
    assert found == {word for word in words("abc", 5) if pattern.fullmatch(word)}
    assert may_be_empty(states.start.content) == ("" in found)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(particle=models.particles(), data=st.data())
def test_elements_stand_in_schema_order(tmp_path: Path, particle: Particle, data: st.DataObject) -> None:
    """Whatever came before, event codes follow the order of the schema."""
    states = one_type(tmp_path, particle)
    order = models.letters_of(particle)
    if len(set(order)) < len(order):
        return
    state = states.start
    for _ in range(8):
        found = [name for name in events(states, state) if name != "end"]
        assert found == sorted(found, key=order.index)
        followers = [entry.next for entry in states.productions(state) if entry.next is not None]
        if not followers:
            return
        state = data.draw(st.sampled_from(followers))


def test_competing_particles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xsd").write_text(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:random">\n'
        '<complexType name="T"><sequence><element name="a" type="int" minOccurs="0"/>'
        '<element name="a" type="int"/></sequence></complexType></schema>'
    )
    xsd = read_set(Folder(tmp_path), "urn:random")
    (kind,) = xsd.complex_types
    states = TypeStates(xsd, kind)
    with pytest.raises(XsdError, match=r"a\.xsd:2: two particles of the type T compete for a"):
        states.productions(states.start)
