import json
from pathlib import Path

import pytest

from exi.cli import main
from exi.schema import MessageSet
from tests.exi.xsd import mini, mini_types
from tests.exi.xsd.mini_main import SCHEMA
from v2g.messages import appprotocol

TYPES = MessageSet("mini-types", mini_types.NAMESPACE, (mini_types,))

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two miniature sets are installed, and one whose XSD lies nowhere here."""
    sets = {"appprotocol": appprotocol.SCHEMA, "mini": SCHEMA, "mini-types": TYPES}
    monkeypatch.setattr("exi.check_schema.message_sets", lambda: sets)


def run(*arguments: str | Path) -> int:
    return main(["check-schema", *map(str, arguments)])


def test_equal_sets(tmp_path: Path, capsys: Captured) -> None:
    mini.write(tmp_path)
    assert run(tmp_path) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    skipped, main, types = captured.out.splitlines()
    assert skipped == "appprotocol: skipped: no XSD file declares urn:iso:15118:2:2010:AppProtocol"
    assert main == (
        "mini: equal: 17 types, 27 elements, 4 attributes, 13 facets, 479 productions, 13 document codes, "
        "27 fragment codes compared, 2 files"
    )
    assert types == (
        "mini-types: equal: 13 types, 13 elements, 3 attributes, 12 facets, 105 productions, "
        "9 document codes, 15 fragment codes compared, 1 file"
    )


def test_differences(tmp_path: Path, capsys: Captured) -> None:
    mini.write(tmp_path, main=mini.MAIN.replace('"xs:boolean"', '"xs:byte"'))
    assert run(tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [
        "mini: type AskType, choice, element Yes: datatype",
        "    ours  boolean",
        f"    XSD   byte ({tmp_path}/main.xsd:28)",
    ]
    verdicts = [line.split(": ")[:2] for line in lines if "compared" in line]
    assert verdicts[1] == ["mini-types", "equal"]
    assert verdicts[0][1].endswith(" differences")


def test_an_unreadable_file_does_not_hide_the_differences(tmp_path: Path, capsys: Captured) -> None:
    types = mini.TYPES.replace('maxLength value="20"', 'maxLength value="21"')
    main = mini.MAIN.replace('<xs:import namespace="urn:mini:types"', '<xs:import namespace="urn:mini:gone"')
    mini.write(tmp_path, main=main, types=types)
    (tmp_path / "broken.xsd").write_text("<!-- -->\n<")
    assert run(tmp_path) == 2
    captured = capsys.readouterr()
    reason = f"{tmp_path}/main.xsd:3: no file below {tmp_path} declares the namespace urn:mini:gone"
    assert captured.err.splitlines() == [
        f"exi: {tmp_path}/broken.xsd:2: not well-formed XML: unclosed token",
        f"exi: {reason}",
    ]
    assert f"mini: unreadable: {reason}" in captured.out
    assert "mini-types: type nameType (type RightType, element Name): maxLength" in captured.out


def test_a_bad_line_of_two_sets_is_told_once(tmp_path: Path, capsys: Captured) -> None:
    mini.write(tmp_path, types=mini.TYPES.replace("t:colourType", "t:gone"))
    assert run(tmp_path) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"exi: {tmp_path}/deeper/types.XSD:16: there is no simple type gone in urn:mini:types"
    ]


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_any_set_is_no_success(tmp_path: Path, capsys: Captured, *, exists: bool) -> None:
    folder = tmp_path if exists else tmp_path / "gone"
    assert run(folder) == 2
    captured = capsys.readouterr()
    said = f"exi: no XSD file of an installed message set lies below {folder}\n"
    assert captured.err == (said if exists else f"exi: {folder}: no such directory\n")
    assert captured.out.count("skipped: ") == (3 if exists else 0)


def test_json(tmp_path: Path, capsys: Captured) -> None:
    mini.write(tmp_path, types=mini.TYPES.replace('maxOccurs="3"', 'maxOccurs="2"'))
    assert run(tmp_path, "--json") == 1
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert captured.err == ""
    assert (report["directory"], report["equal"], report["exit_code"]) == (str(tmp_path), False, 1)
    assert report["errors"] == []
    skipped, different, types = report["sets"]
    assert skipped == {
        "name": "appprotocol",
        "namespace": "urn:iso:15118:2:2010:AppProtocol",
        "status": "skipped",
    }
    assert (different["name"], different["status"]) == ("mini", "different")
    assert different["files"] == [f"{tmp_path}/main.xsd", f"{tmp_path}/deeper/types.XSD"]
    assert different["compared"]["fragment_codes"] == 27
    assert different["differences"][0] == {
        "where": "type RightType, element Name",
        "what": "occurrence",
        "ours": "1..3",
        "xsd": "1..2",
        "file": f"{tmp_path}/deeper/types.XSD",
        "line": 27,
    }
    assert different["differences"] == [
        *types["differences"],
        *(entry for entry in different["differences"] if entry not in types["differences"]),
    ]


def test_json_of_a_difference_without_a_line(tmp_path: Path, capsys: Captured) -> None:
    mini.write(tmp_path, main=mini.MAIN.replace('<xs:element name="Again" type="AskType"/>', ""))
    assert run(tmp_path, "--json") == 1
    difference = json.loads(capsys.readouterr().out)["sets"][1]["differences"][0]
    assert difference == {
        "where": "element Again",
        "what": "global element",
        "ours": "declared",
        "xsd": "absent",
        "file": None,
        "line": None,
    }


def test_json_of_errors(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.xsd").write_text("<")
    assert run(tmp_path, "--json") == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error == {"file": f"{tmp_path}/a.xsd", "line": 1, "reason": "not well-formed XML: unclosed token"}
