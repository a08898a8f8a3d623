"""The published vectors: made again byte for byte, and checked by a program that knows nothing of ours."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lab import vectors
from lab.cli import main as pnclab
from pki.entropy import deterministic_ecdsa

FOLDER = Path(__file__).parents[2] / "docs" / "vectors"
EDITIONS = ("iso2", "iso20", "iso20-ed448")


def verify(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "verify.py"), *names],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
needs_rfc6979 = pytest.mark.skipif(not deterministic_ecdsa(), reason="OpenSSL has no RFC 6979 (needs 3.2)")


@needs_rfc6979
def test_the_same_bytes_each_time() -> None:
    made = vectors.files()
    there = {
        str(file.relative_to(FOLDER)): file.read_bytes()
        for file in FOLDER.rglob("*")
        if file.is_file() and file.parent != FOLDER and "__pycache__" not in file.parts
    }
    assert made.keys() == there.keys()
    assert [name for name in made if made[name] != there[name]] == []


@needs_openssl
def test_the_independent_verifier_agrees() -> None:
    done = verify(FOLDER)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("the key is the certified one") == len(EDITIONS)
    assert done.stdout.endswith("everything agrees\n")


@needs_openssl
@needs_rfc6979
def test_another_seed_agrees_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vectors.main(["--out", str(tmp_path), "--seed", "7"]) == 0
    assert "verify.py" in capsys.readouterr().out
    shutil.copy(FOLDER / "verify.py", tmp_path)
    assert verify(tmp_path).returncode == 0
    assert (tmp_path / "iso2" / "vector.json").read_bytes() != (FOLDER / "iso2" / "vector.json").read_bytes()


@needs_openssl
@pytest.mark.parametrize(
    ("name", "words"),
    [("z", "Z:"), ("k", "K:"), ("plaintext", "plaintext:"), ("tag", "tag:"), ("aad", "AAD:")],
)
def test_the_verifier_notices_a_wrong_value(tmp_path: Path, name: str, words: str) -> None:
    shutil.copytree(FOLDER / "iso20", tmp_path / "iso20")
    shutil.copy(FOLDER / "verify.py", tmp_path)
    file = tmp_path / "iso20" / "vector.json"
    vector = json.loads(file.read_text())
    value = vector["envelope"][name]
    vector["envelope"][name] = ("1" if value[0] == "0" else "0") + value[1:]
    file.write_text(json.dumps(vector))
    done = verify(tmp_path)
    assert done.returncode == 1
    assert f"BAD envelope: {words}" in done.stdout


@needs_openssl
@pytest.mark.parametrize("edition", EDITIONS)
def test_the_verifier_notices_a_changed_signature(tmp_path: Path, edition: str) -> None:
    shutil.copytree(FOLDER / edition, tmp_path / edition)
    shutil.copy(FOLDER / "verify.py", tmp_path)
    file = tmp_path / edition / "vector.json"
    vector = json.loads(file.read_text())
    for message in vector["messages"]:
        message["signer"] = "secc_leaf"
    file.write_text(json.dumps(vector))
    done = verify(tmp_path)
    assert done.returncode == 1
    assert "BAD messages" in done.stdout


def test_the_verifier_shares_nothing_with_the_product() -> None:
    text = (FOLDER / "verify.py").read_text()
    imported = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import ", "from "))
    }
    assert imported <= set(sys.stdlib_module_names)


def test_the_verifier_without_vectors(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "verify.py", tmp_path)
    assert verify(tmp_path).returncode == 2


@pytest.mark.parametrize("edition", EDITIONS)
def test_explain_agrees(edition: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = FOLDER / edition
    words = [f"{place}/CertificateInstallationReq.exi", f"{place}/CertificateInstallationRes.exi"]
    words += [
        "--key",
        f"{place}/receiver.key",
        "--trust",
        str(place),
        "--at",
        "2026-01-02",
        "--json",
        "--show-secrets",
    ]
    assert pnclab(["explain", *words]) == 0
    told = json.loads(capsys.readouterr().out)
    vector = json.loads((place / "vector.json").read_text())
    steps = {step["step"]: step["facts"] for step in told["steps"] if step["part"] == "envelope"}
    assert steps["ECDH secret Z"]["Z"] == vector["envelope"]["z"]
    assert steps["derived key K"]["K"] == vector["envelope"]["k"]
    assert steps["decryption"]["plaintext"] == vector["envelope"]["plaintext"]


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert vectors.main(["--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("lab.vectors: ")
