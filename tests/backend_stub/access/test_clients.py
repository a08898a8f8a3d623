"""The clients file: what goes in, what comes out, and what does not."""

import json
import os
from pathlib import Path

import pytest

from backend_stub.access import clients
from backend_stub.access.clients import AccessError, ClientFile
from backend_stub.access.interface import SCOPES, Role, Scope
from tests.backend_stub.server import run


def test_add_list_remove(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    first, secret = clients.add(path, Role.MSP, "de-pnc")
    second, _ = clients.add(path, Role.OEM, "wvw", client_id="volks", scopes=[Scope.PCP_READ])
    assert (first.id, second.id, second.client_id) == ("DEPNC", "WVW", "volks")
    assert set(first.scopes) == SCOPES[Role.MSP]
    assert second.party.scopes == {Scope.PCP_READ}
    assert clients.read(path) == {first.client_id: first, "volks": second}
    assert clients.secret_matches(secret, first.secret)
    assert not clients.secret_matches(secret, second.secret)
    assert not clients.secret_matches(secret, None)
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["clients.json"]
    clients.remove(path, "volks")
    assert list(clients.read(path)) == [first.client_id]


def test_hashes_are_salted() -> None:
    assert clients.hash_secret("x") != clients.hash_secret("x")


def test_nothing_shows_a_hash(tmp_path: Path) -> None:
    client, _ = clients.add(tmp_path / "clients.json", Role.ADMIN, "boss")
    assert client.secret not in repr(client)


@pytest.mark.parametrize(
    ("role", "identifier", "scopes"),
    [
        (Role.MSP, "PNC", []),
        (Role.OEM, "DEPNC", []),
        (Role.PEER, "abc", []),
        (Role.CPO, "", []),
        (Role.ADMIN, "a b", []),
        (Role.CPO, "DEABC", [Scope.MARKET]),
    ],
)
def test_clients_that_cannot_be(tmp_path: Path, role: Role, identifier: str, scopes: list[Scope]) -> None:
    with pytest.raises(AccessError):
        clients.add(tmp_path / "clients.json", role, identifier, scopes=scopes)
    assert not (tmp_path / "clients.json").exists()


def test_a_name_is_given_once(tmp_path: Path) -> None:
    path = tmp_path / "clients.json"
    clients.add(path, Role.ADMIN, "boss", client_id="one")
    with pytest.raises(AccessError, match="one already"):
        clients.add(path, Role.ADMIN, "boss", client_id="one")
    with pytest.raises(AccessError, match="no client two"):
        clients.remove(path, "two")


def entry(**changes: object) -> dict[str, object]:
    return {
        "client_id": "a",
        "role": "msp",
        "id": "DEPNC",
        "secret": clients.hash_secret("s"),
        "scopes": ["ccp:read"],
        "created": "2026-01-01T00:00:00Z",
    } | changes


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("", "not a clients file"),
        ("{}", "clients"),
        (json.dumps({"clients": [entry(role="king")]}), "role"),
        (json.dumps({"clients": [entry(), entry()]}), "twice"),
        (json.dumps({"clients": [entry(id="depnc")]}), "DEPNC"),
        (json.dumps({"clients": [entry(id="x")]}), "no identifier"),
        (json.dumps({"clients": [entry(secret="plain")]}), "scrypt"),
        (json.dumps({"clients": [entry(secret="md5$1$1$1$AA==$AA==")]}), "scrypt"),
        (json.dumps({"clients": [entry(scopes=["market"])]}), "cannot have market"),
        (json.dumps({"clients": [entry(more=1)]}), "more"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str, place: str) -> None:
    path = tmp_path / "clients.json"
    path.write_text(content)
    with pytest.raises(AccessError, match=place) as caught:
        clients.read(path)
    assert str(path) in str(caught.value)
    assert "scrypt$" not in str(caught.value)


def test_a_running_market_notices_changes_and_survives_a_broken_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "clients.json"
    first, _ = clients.add(path, Role.ADMIN, "boss")
    watched = ClientFile(path)
    second, _ = clients.add(path, Role.ADMIN, "chef")
    assert set(watched.current()) == {first.client_id, second.client_id}
    whole = path.read_bytes()
    path.write_text("{")
    os.utime(path, ns=(1, 1))
    for _ in range(3):
        assert len(watched.current()) == 2
    path.unlink()
    for _ in range(3):
        assert len(watched.current()) == 2
    # Once for each state that is none, not for each request.
    assert len([record for record in caplog.records if "stay as they were" in record.message]) == 2
    path.write_bytes(whole)
    clients.remove(path, second.client_id)
    assert set(watched.current()) == {first.client_id}
    with pytest.raises(AccessError):
        ClientFile(tmp_path / "absent.json")


def test_the_commands(tmp_path: Path) -> None:
    path = str(tmp_path / "clients.json")
    made = run("client", "add", "--clients", path, "--role", "msp", "--id", "DEPNC", "--json")
    assert made.returncode == 0, made.stderr
    facts = json.loads(made.stdout)
    assert (facts["role"], facts["id"]) == ("msp", "DEPNC")
    assert clients.secret_matches(facts["client_secret"], clients.read(Path(path))[facts["client_id"]].secret)
    listed = run("client", "list", "--clients", path, "--json")
    (one,) = json.loads(listed.stdout)
    assert one == {name: value for name, value in facts.items() if name != "client_secret"}
    target = tmp_path / "cpo.json"
    options = ("--role", "cpo", "--id", "DEABC", "--credentials", str(target))
    quiet = run("client", "add", "--clients", path, *options, "--json")
    written = json.loads(target.read_text())
    assert target.stat().st_mode & 0o777 == 0o600
    assert written["client_secret"] not in quiet.stdout
    again = run("client", "add", "--clients", path, *options)
    assert (again.returncode, "there already" in again.stderr) == (2, True)
    assert len(clients.read(Path(path))) == 2
    removed = run("client", "remove", "--clients", path, facts["client_id"], "--json")
    assert json.loads(removed.stdout) == {"removed": facts["client_id"]}
    wrong = run("client", "add", "--clients", path, "--role", "msp", "--id", "7")
    assert (wrong.returncode, "such as DEPNC" in wrong.stderr) == (2, True)
