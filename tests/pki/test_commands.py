"""``pki init`` and ``pki show`` as a user types them."""

import argparse
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from pki.commands import add_parser, run_init, run_show
from pki.defects import Bench, defect, with_leaf
from pki.entropy import SeededEntropy, deterministic_ecdsa
from pki.hierarchy import Hierarchy
from pki.profiles import CPS_LEAF, Edition
from tests.pki.material import DAY, NOW, bench, hierarchy


def call(*words: str, now: datetime = NOW) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["pki", *words])
    assert args.run in {run_init, run_show}
    code = args.run(args, now)
    assert isinstance(code, int)
    return code


def test_init_and_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pki"
    assert call("init", "--out", str(place), "--organization", "Grid Ltd") == 0
    assert str(place) in capsys.readouterr().out
    assert call("show", str(place)) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for words in (
        "v2g_root",
        "DC=CPS,O=Grid Ltd,CN=CPS Leaf",
        "2026-05-04 to 2026-08-02",
        "signs contract bundles for cars",
        "secp256r1",
        "key here",
    ):
        assert words in shown.out


def test_show_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hierarchy().save(tmp_path / "pki")
    (tmp_path / "pki" / "mo" / "root.key").unlink()
    assert call("show", str(tmp_path / "pki"), "--json") == 0
    members = {member["name"]: member for member in json.loads(capsys.readouterr().out)}
    assert list(members) == list(hierarchy())
    leaf = members["cps_leaf"]
    assert leaf["file"] == "cps/cps_leaf.pem"
    assert leaf["issued_by"] == "cps_sub_ca2"
    assert leaf["valid_from"] == NOW.isoformat()
    assert leaf["key"] == "secp256r1"
    assert leaf["der_bytes"] <= 800
    assert leaf["fault"] is None
    assert int(leaf["serial"]) == hierarchy()["cps_leaf"].certificate.serial_number
    assert not members["mo_root"]["private_key_here"]


@pytest.mark.skipif(not deterministic_ecdsa(), reason="the linked OpenSSL has no RFC 6979 (needs 3.2)")
def test_a_seed_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        assert call("init", "--out", str(tmp_path / name), "--seed", "7") == 0
    assert "tests only" in capsys.readouterr().out
    first, second = Hierarchy.load(tmp_path / "a"), Hierarchy.load(tmp_path / "b")
    assert all(first[name].certificate == second[name].certificate for name in first)


@pytest.mark.parametrize(("suite", "edition"), [("secp521r1", Edition.ISO20), ("ed448", Edition.ISO20_ED448)])
def test_both_editions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suite: str, edition: Edition
) -> None:
    place = tmp_path / "pki"
    assert call("init", "--out", str(place), "--suite", suite) == 0
    assert f"15 of ISO 15118-20 ({suite}) in {place / 'iso20'}" in capsys.readouterr().out
    assert Hierarchy.load(place).edition is Edition.ISO2
    assert Hierarchy.load(place / "iso20").edition is edition
    assert call("show", str(place)) == 0
    both = capsys.readouterr().out
    assert both.count("CPS Leaf") == 2
    assert both.count("Vehicle Sub-CA 2") == 1
    assert call("show", str(place / "iso20"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {member["edition"] for member in told} == {edition.value}
    assert {member["key"] for member in told} == {suite}


def test_a_fault_of_either_edition_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A charger's certificate ends after 60 days."""
    assert call("init", "--out", str(tmp_path / "pki")) == 0
    assert call("show", str(tmp_path / "pki"), now=NOW + 61 * DAY) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path / 'pki' / 'cpo/secc_leaf.pem'}: expired" in told
    assert f"{tmp_path / 'pki' / 'iso20/cpo/secc_leaf.pem'}: expired" in told


def test_without_seed_nothing_repeats(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert call("init", "--out", str(tmp_path / name)) == 0
    first, second = Hierarchy.load(tmp_path / "a"), Hierarchy.load(tmp_path / "b")
    assert first["v2g_root"].certificate.serial_number != second["v2g_root"].certificate.serial_number


def test_keys_are_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pki"
    assert call("init", "--out", str(place)) == 0
    before = (place / "v2g" / "root.key").read_bytes()
    assert call("init", "--out", str(place)) == 2
    assert f"{place}: the folder is not empty" in capsys.readouterr().err
    assert (place / "v2g" / "root.key").read_bytes() == before
    assert call("init", "--out", str(place), "--force") == 0
    assert (place / "v2g" / "root.key").read_bytes() != before


@pytest.mark.parametrize("organization", ["", "x" * 65, "🔌" * 64])
def test_an_organization_that_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], organization: str
) -> None:
    assert call("init", "--out", str(tmp_path / "pki"), "--organization", organization) == 2
    assert capsys.readouterr().err.startswith("pnclab pki: ")
    assert not (tmp_path / "pki").exists()


def test_show_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("show", str(tmp_path / "none")) == 2
    assert f"{tmp_path / 'none'}: no such folder" in capsys.readouterr().err


def test_show_names_file_and_rule_of_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pki"
    hierarchy().save(place)
    assert call("show", str(place), now=NOW + 70 * DAY) == 2
    shown = capsys.readouterr()
    assert f"{place / 'cpo' / 'secc_leaf.pem'}: expired: valid until 2026-07-03" in shown.err
    assert "cps_leaf.pem" not in shown.err
    assert "expired: valid until" in shown.out


@pytest.mark.parametrize(
    ("name", "file"),
    [("wrong_signature", "cps_leaf"), ("sub_ca_expired", "sub_ca2"), ("path_length", "sub_ca1")],
)
def test_a_fault_is_told_once_where_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, file: str
) -> None:
    wrong = defect(name)
    made: Bench = bench(CPS_LEAF)
    with_leaf(hierarchy(), wrong.make(made)).save(tmp_path / "pki")
    assert call("show", str(tmp_path / "pki"), "--json") == 2
    shown = capsys.readouterr()
    assert [line for line in shown.err.splitlines() if f"{file}.pem: {wrong.rule}: " in line]
    assert len(shown.err.splitlines()) == 1
    faults = {member["name"]: member["fault"] for member in json.loads(shown.out) if member["fault"]}
    assert [fault["rule"] for fault in faults.values()] == [wrong.rule]


def test_a_certificate_in_the_wrong_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "pki"
    hierarchy().save(place)
    for suffix in (".pem", ".key"):
        (place / "cps" / f"sub_ca2{suffix}").write_bytes((place / "mo" / f"sub_ca2{suffix}").read_bytes())
    assert call("show", str(place)) == 2
    complaints = capsys.readouterr().err
    assert f"{place / 'cps' / 'sub_ca2.pem'}: unknown_issuer" in complaints
    assert str(place / "mo") not in complaints


def test_the_package_imports_nothing_heavy() -> None:
    """What costs time at the start of every process: only cryptography is needed, and nothing of the lab."""
    code = "import sys, pki.commands, pki.hierarchy; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.split()
    )
    assert not loaded & {"rich", "asyncio", "ssl", "exi", "v2g", "msgspec", "fastapi", "httpx"}


def test_seeded_entropy_is_what_the_seed_option_uses(tmp_path: Path) -> None:
    assert call("init", "--out", str(tmp_path / "pki"), "--seed", "7") == 0
    expected = Hierarchy.create(now=NOW, entropy=SeededEntropy(7))
    assert (
        Hierarchy.load(tmp_path / "pki")["mo_root"].signing_key().private_numbers()
        == expected["mo_root"].signing_key().private_numbers()
    )
