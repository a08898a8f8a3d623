"""Certificates and keys in files; every error names the file."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from pki import store
from pki.errors import StoreError
from tests.pki.material import hierarchy

ROOT = hierarchy()["v2g_root"].certificate
LEAF = hierarchy()["secc_leaf"].certificate
KEY = hierarchy()["secc_leaf"].signing_key()


def failure(path: Path, read: object = store.read_certificates) -> StoreError:
    assert callable(read)
    with pytest.raises(StoreError) as caught:
        read(path)
    assert caught.value.path.startswith(str(path))
    assert str(path) in str(caught.value)
    return caught.value


class TestCertificates:
    def test_pem_with_several(self, tmp_path: Path) -> None:
        file = tmp_path / "chain.pem"
        store.write_certificates(file, hierarchy().chain("secc_leaf"))
        assert store.read_certificates(file) == hierarchy().chain("secc_leaf")
        assert file.read_text().count("BEGIN CERTIFICATE") == 3

    def test_pem_with_words_around(self, tmp_path: Path) -> None:
        file = tmp_path / "root.pem"
        file.write_bytes(b"V2G root\n" + ROOT.public_bytes(Encoding.PEM) + b"\nthat was it\n")
        assert store.read_certificates(file) == [ROOT]

    def test_der(self, tmp_path: Path) -> None:
        file = tmp_path / "root.der"
        store.write_der(file, ROOT)
        assert file.read_bytes() == ROOT.public_bytes(Encoding.DER)
        assert store.read_certificate(file) == ROOT

    def test_folder_in_order_and_without_repetition(self, tmp_path: Path) -> None:
        store.write_certificates(tmp_path / "b.pem", [ROOT])
        store.write_der(tmp_path / "a.der", LEAF)
        store.write_der(tmp_path / "c.cer", ROOT)
        store.write_key(tmp_path / "b.key", KEY)
        (tmp_path / "notes.txt").write_text("nothing to see")
        (tmp_path / "sub.pem").mkdir()
        assert store.read_certificates(tmp_path) == [LEAF, ROOT]

    def test_folder_without_certificates(self, tmp_path: Path) -> None:
        assert "no certificate file" in failure(tmp_path).detail

    def test_missing_file(self, tmp_path: Path) -> None:
        assert "No such file" in failure(tmp_path / "none.pem").detail

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"junk",
            b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
            b"-----BEGIN CERTIFICATE-----\n",
        ],
    )
    def test_junk(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "junk.pem"
        file.write_bytes(content)
        failure(file)

    def test_junk_in_a_folder_is_named(self, tmp_path: Path) -> None:
        store.write_certificates(tmp_path / "a.pem", [ROOT])
        (tmp_path / "b.pem").write_bytes(b"junk")
        with pytest.raises(StoreError) as caught:
            store.read_certificates(tmp_path)
        assert caught.value.path == str(tmp_path / "b.pem")

    def test_one_was_expected(self, tmp_path: Path) -> None:
        file = tmp_path / "two.pem"
        store.write_certificates(file, [ROOT, LEAF])
        assert "2 certificates" in failure(file, store.read_certificate).detail


class TestKeys:
    def test_written_for_the_owner_only_and_read_again(self, tmp_path: Path) -> None:
        file = tmp_path / "leaf.key"
        old_mask = os.umask(0)
        try:
            store.write_key(file, KEY)
        finally:
            os.umask(old_mask)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert b"BEGIN PRIVATE KEY" in file.read_bytes()
        assert store.read_key(file).private_numbers() == KEY.private_numbers()

    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    @pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
    def test_other_forms(self, tmp_path: Path, encoding: Encoding, form: PrivateFormat) -> None:
        file = tmp_path / "leaf.key"
        file.write_bytes(KEY.private_bytes(encoding, form, NoEncryption()))
        assert store.read_key(file).private_numbers() == KEY.private_numbers()

    def test_encrypted(self, tmp_path: Path) -> None:
        file = tmp_path / "leaf.key"
        file.write_bytes(
            KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"12345"))
        )
        assert "encrypted" in failure(file, store.read_key).detail

    def test_another_kind_of_key(self, tmp_path: Path) -> None:
        file = tmp_path / "leaf.key"
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        assert "elliptic curve" in failure(file, store.read_key).detail

    def test_junk_is_not_quoted(self, tmp_path: Path) -> None:
        file = tmp_path / "leaf.key"
        file.write_bytes(b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n")
        error = failure(file, store.read_key)
        assert "c2VjcmV0" not in str(error)
        assert error.__cause__ is None

    def test_missing(self, tmp_path: Path) -> None:
        assert "No such file" in failure(tmp_path / "none.key", store.read_key).detail


class TestWriting:
    def test_replaces_in_one_step_and_leaves_nothing_behind(self, tmp_path: Path) -> None:
        file = tmp_path / "root.pem"
        store.write_certificates(file, [LEAF])
        store.write_certificates(file, [ROOT])
        assert store.read_certificates(file) == [ROOT]
        assert [path.name for path in tmp_path.iterdir()] == ["root.pem"]

    def test_a_failure_leaves_the_old_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "root.pem"
        store.write_certificates(file, [LEAF])

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            store.write_certificates(file, [ROOT])
        assert store.read_certificates(file) == [LEAF]
        assert [path.name for path in tmp_path.iterdir()] == ["root.pem"]

    def test_left_over_from_a_killed_process(self, tmp_path: Path) -> None:
        (tmp_path / f".root.pem.{os.getpid()}.new").write_bytes(b"half")
        store.write_certificates(tmp_path / "root.pem", [ROOT])
        assert [path.name for path in tmp_path.iterdir()] == ["root.pem"]

    def test_no_such_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError) as caught:
            store.write_der(tmp_path / "none" / "root.der", ROOT)
        assert caught.value.path == str(tmp_path / "none" / "root.der")
