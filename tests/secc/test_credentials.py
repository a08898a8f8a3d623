import shutil
from pathlib import Path

import pytest

from pki import store
from secc.config import Certificates
from secc.credentials import load_identity, load_trust
from secc.errors import ConfigError
from tests.secc.market import market


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("credentials") / "pki"
    market().pki.save(folder)
    return folder


@pytest.fixture
def own(pki: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pki, tmp_path / "pki"))


def test_a_folder_of_pki_init_is_enough(pki: Path) -> None:
    settings = Certificates(directory=str(pki))
    identity = load_identity(settings, "test")
    assert list(identity.chain) == market().pki.chain("secc_leaf")
    assert identity.key.public_key() == identity.chain[0].public_key()
    trust = load_trust(settings, "test")
    assert trust.mo == (market().pki["mo_root"].certificate,)
    assert trust.v2g == (market().pki["v2g_root"].certificate,)


def test_single_files_override_the_folder(pki: Path, tmp_path: Path) -> None:
    roots = tmp_path / "roots"
    roots.mkdir()
    for name in ("mo_root", "oem_root"):
        store.write_certificates(roots / f"{name}.pem", [market().pki[name].certificate])
    trust = load_trust(Certificates(directory=str(pki), mo_roots=str(roots)), "test")
    assert len(trust.mo) == 2


def test_without_certificates_there_is_no_trust() -> None:
    trust = load_trust(Certificates(), "test")
    assert (trust.mo, trust.v2g) == ((), ())


def test_tls_needs_chain_and_key(pki: Path) -> None:
    for settings, key in (
        (Certificates(), "certificates.chain"),
        (Certificates(chain=str(pki / "cpo/secc_chain.pem")), "certificates.key"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_identity(settings, "test")
        assert caught.value.key == key
        assert "--no-tls" in caught.value.reason


def test_what_is_missing_or_unreadable_is_named(own: Path) -> None:
    (own / "cpo/secc_leaf.key").write_text("no key")
    with pytest.raises(ConfigError, match=r"secc_leaf\.key") as caught:
        load_identity(Certificates(directory=str(own)), "file.toml")
    assert (caught.value.source, caught.value.key) == ("file.toml", "certificates.directory")
    (own / "cpo/secc_chain.pem").unlink()
    with pytest.raises(ConfigError, match=r"secc_chain\.pem"):
        load_identity(Certificates(directory=str(own)), "file.toml")
    (own / "mo/root.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"root\.pem") as caught:
        load_trust(Certificates(directory=str(own)), "file.toml")
    assert caught.value.key == "certificates.directory"
    with pytest.raises(ConfigError) as caught:
        load_trust(Certificates(v2g_roots=str(own / "nothing")), "file.toml")
    assert caught.value.key == "certificates.v2g_roots"


def test_a_key_of_somebody_else_is_refused(own: Path) -> None:
    store.write_key(own / "cpo/secc_leaf.key", market().car.signing_key())
    with pytest.raises(ConfigError, match="is not the key of"):
        load_identity(Certificates(directory=str(own)), "test")
