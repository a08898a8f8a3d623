"""``backend-stub authority``: the authority of a running market, from the shell."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend_stub import authority_commands
from backend_stub.cli import main
from backend_stub.client import RefusedError, UsageError
from pki import store
from pki.chain import validate
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.profiles import SECC_LEAF
from tests.backend_stub.server import Server, serving

OPENSSL = shutil.which("openssl") or ""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "pki"
    Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy()).save(folder)
    return folder


@pytest.fixture(scope="module")
def server(pki: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(pki, tmp_path_factory.mktemp("market") / "market.db", "--public-url", "own") as running:
        yield running


def authority(server: Server, *words: str) -> int:
    return main(["authority", words[0], "--url", server.url, *words[1:]])


@pytest.fixture
def charger(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "charger"
    assert authority(server, "enroll", "--branch", "cpo", "--name", "DE*PNC*E0001", "--out", str(out)) == 0
    assert "DE*PNC*E0001" in capsys.readouterr().out
    return out


def test_enrolled_key_and_chain_belong_together(charger: Path, pki: Path) -> None:
    leaf, *above = store.read_certificates(charger / "chain.pem")
    root = Hierarchy.load(pki)["v2g_root"].certificate
    validate(leaf, above, [root], at=datetime.now(UTC), profile=SECC_LEAF)
    assert store.read_key(charger / "key.pem").public_key() == leaf.public_key()
    assert (charger / "key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_openssl_asks_the_responder_that_the_certificate_names(
    charger: Path, pki: Path, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    members = Hierarchy.load(pki)
    names = ("v2g_root", "cpo_sub_ca1", "cpo_sub_ca2")
    store.write_certificates(tmp_path / "ca.pem", [members[name].certificate for name in names])
    store.write_certificates(tmp_path / "issuer.pem", [members["cpo_sub_ca2"].certificate])
    store.write_certificates(tmp_path / "leaf.pem", store.read_certificates(charger / "chain.pem")[:1])

    def openssl(*words: str) -> str:
        done = subprocess.run(
            [OPENSSL, *words], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout + done.stderr

    url = openssl("x509", "-in", "leaf.pem", "-noout", "-ocsp_uri").strip()
    assert url == f"{server.url}/ocsp"
    asking = ["ocsp", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-url", url, "-CAfile", "ca.pem"]
    said = openssl(*asking)
    assert "Response verify OK" in said
    assert "leaf.pem: good" in said
    issuer = store.fingerprint_sha256(members["cpo_sub_ca2"].certificate)
    words = ["revoke", "--issuer", issuer, "--reason", "keyCompromise"]
    assert authority(server, *words) == 0
    assert "revoked" in capsys.readouterr().out
    said = openssl(*asking)
    assert "leaf.pem: revoked" in said
    assert "keyCompromise" in said


def test_revoking_by_file(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "contract"
    name = "DEPNCA1B2C3D4EU"
    assert authority(server, "enroll", "--branch", "mo", "--name", name, "--out", str(out), "--json") == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(out)
    names = tmp_path / "emaids.txt"
    names.write_text(f"# contracts that ended\n\n{name}\nDE-PNC-B1B2C3D4E\n")
    words = ["revoke", "--file", str(names), "--reason", "cessationOfOperation"]
    assert authority(server, *words) == 0
    captured = capsys.readouterr()
    assert captured.out == "1 revoked, 0 were revoked before\n"
    assert captured.err.startswith("1 names that no certificate bears: DEPNCB1B2C3D4E")
    assert authority(server, *words, "--json") == 0
    (line,) = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert (line["alreadyRevoked"], line["missing"], line["finished"]) == (1, 1, True)
    assert authority(server, "show", name) == 0
    assert "(cessationOfOperation)" in capsys.readouterr().out
    assert authority(server, "show", name, "--json") == 0
    assert json.loads(capsys.readouterr().out)["certificates"][0]["reason"] == "cessationOfOperation"
    assert authority(server, "show", "nobody") == 0
    assert "nothing was issued" in capsys.readouterr().out


def test_ending_contracts_by_file(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = ["--url", server.url, "--json"]
    assert main(["oem", "build", *url, "--out", str(tmp_path / "car")]) == 0
    pcid = json.loads(capsys.readouterr().out)["pcid"]
    emaids = []
    for _ in range(3):
        assert main(["msp", "onboard", *url, "--pcid", pcid]) == 0
        emaids.append(json.loads(capsys.readouterr().out)["emaid"])
    file = tmp_path / "emaids.txt"
    file.write_text("\n".join(emaids))
    assert main(["msp", "terminate", "--url", server.url, "--file", str(file)]) == 0
    assert capsys.readouterr().out == "3 contracts have ended\n"
    assert main(["msp", "show", *url, emaids[1]]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ended"
    file.write_text("DEPNCA1B2C3D4EU\n")
    assert main(["msp", "terminate", *url, "--file", str(file)]) == 5
    captured = capsys.readouterr()
    assert json.loads(captured.out)["failures"] == 1
    assert "1 could not be ended: DEPNCA1B2C3D4EU" in captured.err
    for words in ([], [emaids[0], "--file", str(file)]):
        with pytest.raises(SystemExit):
            main(["msp", "terminate", "--url", server.url, *words])


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["revoke", "--emaid", "nobody", "--reason", "superseded"], 5),
        (["revoke", "--file", "no-such-file", "--reason", "superseded"], 2),
        (["enroll", "--branch", "mo", "--name", "nobody", "--out", "nowhere"], 5),
        (["enroll", "--branch", "mo", "--name", "DEPNCA1B2C3D4EU", "--out", "/proc/nowhere"], 2),
    ],
)
def test_what_fails_says_so(
    server: Server, words: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert authority(server, *words) == code
    assert capsys.readouterr().err.startswith("backend-stub: ")


def test_nothing_is_revoked_by_accident(server: Server) -> None:
    for words in (["revoke", "--reason", "superseded"], ["revoke", "--prefix", "DEPNC"]):
        with pytest.raises(SystemExit) as caught:
            authority(server, *words)
        assert caught.value.code == 2


class Broken:
    """A market whose answer breaks off, or says something else."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def post_lines(self, _path: str, _body: object) -> Iterator[str]:
        yield from self.lines


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"done": 500, "total": 900}'], "stopped at 500 of 900: repeat"),
        (['{"done": 500, "total": 900}', '{"error": "[STORE] no"}'], r"\[STORE\] no"),
        (["what?"], "not the progress"),
        ([], "stopped at 0"),
    ],
)
def test_a_revocation_that_stops_is_a_failure(lines: list[str], words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        authority_commands._follow(Broken(*lines), "", {}, as_json=True)  # type: ignore[arg-type]


def test_long_files_take_several_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority_commands, "NAMES_A_CALL", 2)
    file = tmp_path / "cars.txt"
    file.write_text("A\nB\n\nC\n")
    calls = list(authority_commands.Wanted(file=str(file), kind="car").calls())
    assert calls == [{"pcids": ["A", "B"], "kind": "car"}, {"pcids": ["C"], "kind": "car"}]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="--file"):
        list(authority_commands.Wanted(file=str(file)).calls())
