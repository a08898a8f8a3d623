import json

import pytest

import exi
from exi import info
from exi.choice import VARIABLE
from exi.cli import main
from exi.registry import message_sets

Capture = pytest.CaptureFixture[str]

# Event codes as /reference tables of the standard's schemas have them: documents, fragments.
CODES = {
    "appprotocol": (3, 2, 11, 4),
    "din": (82, 7, 247, 8),
    "iso2": (81, 7, 245, 8),
    "iso20-ac": (43, 6, 156, 8),
    "iso20-acdp": (35, 6, 131, 8),
    "iso20-common": (55, 6, 283, 9),
    "iso20-dc": (49, 6, 151, 8),
    "iso20-wpt": (39, 6, 195, 8),
    "xmldsig": (25, 5, 47, 6),
}


def test_info_as_text(capsys: Capture) -> None:
    assert main(["info"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].startswith(f"engine   {exi.engine_name()}: ")
    assert lines[1].startswith("python   ")
    assert lines[2].startswith("sets     9, tables ")
    assert [line.split()[0] for line in lines[5:]] == list(message_sets())
    assert "urn:iso:15118:2:2013:MsgDef" in captured.out
    assert captured.err == ""


def test_info_as_json(capsys: Capture) -> None:
    assert main(["info", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["engine"] == exi.engine_name()
    assert told["reason"]
    assert set(told) == {"engine", "reason", "python", "msgspec", "pnclab", "sets"}
    found = {
        each["name"]: (each["documents"], each["document_bits"], each["fragments"], each["fragment_bits"])
        for each in told["sets"]
    }
    assert found == CODES
    types = {each["name"]: each["payload_types"] for each in told["sets"]}
    assert types["iso20-common"] == [0x8002, 0x8101, 0x8102, 0x8104]
    assert types["xmldsig"] == []


def test_the_tables_of_all_sets_stay_below_two_megabytes() -> None:
    sets = info.gather().sets
    assert all(each.table_bytes > 5_000 for each in sets)
    assert sum(each.table_bytes for each in sets) < 2_000_000


def test_the_reason_for_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "python")
    assert info.engine_reason() == f"{VARIABLE} chooses it"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(info, "NATIVE_MODULE", "exi._no_such_engine")
    assert info.engine_reason() == "the native engine is not built"
    monkeypatch.setattr(info, "NATIVE_MODULE", "json")
    assert info.engine_reason().startswith("built: ")
    monkeypatch.setattr(info, "import_module", _fail)
    assert info.engine_reason() == "the native engine cannot be loaded: wrong format"


def _fail(_: str) -> None:
    raise ImportError("wrong format")


def test_what_is_counted_of_the_tables() -> None:
    shared = ("a", 1000)
    assert info.size_of(None, set()) == info.size_of(True, set()) == 0
    assert info.size_of([shared, shared], set()) < info.size_of([shared, ("b", 2000)], set())


def test_a_package_that_is_not_installed_is_no_error() -> None:
    assert info._version("no-such-package") == "not installed as a package"
