"""``backend-stub database`` on both engines."""

import json
from pathlib import Path

import pytest

from backend_stub.cli import EXIT_DATABASE, main
from backend_stub.migrations import HEAD


def run(capsys: pytest.CaptureFixture[str], action: str, target: str | Path) -> dict[str, str | None]:
    assert main(["database", action, "--database", str(target), "--json"]) == 0
    answer: dict[str, str | None] = json.loads(capsys.readouterr().out)
    return answer


def test_status_upgrade_status(target: str | Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "status", target)["revision"] is None
    assert run(capsys, "upgrade", target)["revision"] == HEAD
    assert run(capsys, "status", target)["revision"] == HEAD


def test_for_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "market.sqlite"
    assert main(["database", "status", "--database", str(path)]) == 0
    assert main(["database", "upgrade", "--database", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: no tables yet; revision {HEAD} would be made",
        f"{path}: revision {HEAD}, up to date",
    ]


def test_url_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    url = "postgresql://market:secret@127.0.0.1:1/market"
    assert main(["database", "status", "--database", url]) == EXIT_DATABASE
    error = capsys.readouterr().err
    assert error == (
        "backend-stub: database postgresql://market:***@127.0.0.1:1/market: "
        "no PostgreSQL server answers at this address\n"
    )
