"""What a car of ISO 15118-20 is delivered with."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, x448

from pki import chain, store, vehicle_files
from pki.entropy import SeededEntropy
from pki.errors import StoreError
from pki.issuing import Identity, draft
from pki.keys import ALTERNATE_KEY
from pki.names import common_name
from pki.profiles import Edition
from pki.vehicle_files import VehicleFiles
from tests.pki.material import NOW, hierarchy

ISO20 = [Edition.ISO20, Edition.ISO20_ED448]
PCID, EVCCID = "WMIKAT0123456789AB", "WMIKATEVCC001"


def made(edition: Edition = Edition.ISO20, *, under_v2g_root: bool = False) -> VehicleFiles:
    return vehicle_files.issue(
        hierarchy(edition),
        evccid=EVCCID,
        pcid=PCID,
        now=NOW,
        entropy=SeededEntropy(5),
        under_v2g_root=under_v2g_root,
    )


@pytest.mark.parametrize("under_v2g_root", [False, True])
@pytest.mark.parametrize("edition", ISO20)
def test_issued_certificates_are_what_they_should_be(edition: Edition, under_v2g_root: bool) -> None:
    ours, files = hierarchy(edition), made(edition, under_v2g_root=under_v2g_root)
    root = ours["v2g_root" if under_v2g_root else "oem_root"].certificate
    profiles = edition.profiles
    chain.validate(
        files.vehicle.certificate,
        files.vehicle_sub_cas,
        [root],
        at=NOW,
        profile=profiles["vehicle_v2g" if under_v2g_root else "vehicle"],
    )
    chain.validate(
        files.provisioning.certificate,
        files.provisioning_sub_cas,
        [ours["oem_root"].certificate],
        at=NOW,
        profile=profiles["oem_provisioning"],
    )
    assert common_name(files.vehicle.certificate) == EVCCID
    assert common_name(files.provisioning.certificate) == PCID
    assert files.vehicle_chain == (files.vehicle.certificate, *files.vehicle_sub_cas)
    assert files.vehicle.signer().public_key() != files.provisioning.signer().public_key()


@pytest.mark.parametrize("edition", ISO20)
def test_saved_and_loaded(tmp_path: Path, edition: Edition) -> None:
    files = made(edition)
    vehicle_files.save(files, tmp_path)
    more = {"receiver.key"} if edition is Edition.ISO20_ED448 else set()
    assert {str(path.relative_to(tmp_path / "iso20")) for path in (tmp_path / "iso20").rglob("*")} == more | {
        "vehicle.pem",
        "vehicle_chain.pem",
        "vehicle.key",
        "provisioning.pem",
        "chain.pem",
        "provisioning.key",
        "roots",
        "roots/v2g",
        "roots/v2g/root1.pem",
        "contracts",
    }
    loaded = vehicle_files.load(tmp_path)
    assert loaded.vehicle_chain == files.vehicle_chain
    assert loaded.provisioning_sub_cas == files.provisioning_sub_cas
    assert loaded.v2g_roots == files.v2g_roots
    assert loaded.receiver_key.public_key() == files.receiver_key.public_key()
    assert loaded.vehicle.signer().public_key() == files.vehicle.certificate.public_key()
    for key in (tmp_path / "iso20").glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing of ISO 15118-20"):
        vehicle_files.load(tmp_path)
    files = made()
    vehicle_files.save(files, tmp_path)
    place = tmp_path / "iso20"
    store.write_key(place / "vehicle.key", files.provisioning.private_key())
    with pytest.raises(StoreError, match=r"does not belong to vehicle\.pem") as caught:
        vehicle_files.load(tmp_path)
    assert caught.value.path == str(place / "vehicle.key")
    vehicle_files.save(files, tmp_path)
    store.write_certificates(place / "vehicle_chain.pem", files.vehicle_sub_cas)
    with pytest.raises(StoreError, match=r"does not begin with the certificate in vehicle\.pem"):
        vehicle_files.load(tmp_path)


def test_who_receives_the_envelopes(tmp_path: Path) -> None:
    """secp521r1 does everything; an Ed448 certificate carries an X448 key for it [V2G20-2534]."""
    plain = made()
    assert plain.receiver_key is plain.provisioning.private_key()
    assert chain.alternate_key(plain.provisioning.certificate) is None
    files = made(Edition.ISO20_ED448)
    certified = chain.alternate_key(files.provisioning.certificate)
    assert isinstance(certified, x448.X448PublicKey)
    assert files.receiver_key.public_key() == certified
    assert "alternate_key" not in repr(files)
    vehicle_files.save(files, tmp_path)
    store.write_key(tmp_path / "iso20" / "receiver.key", files.provisioning.private_key())
    with pytest.raises(StoreError, match="does not belong to the alternate key"):
        vehicle_files.load(tmp_path)


@pytest.mark.parametrize("value", [b"nonsense", bytes.fromhex("302a300506032b6570032100") + bytes(32)])
def test_an_alternate_key_that_cannot_be_used(tmp_path: Path, value: bytes) -> None:
    ours = hierarchy(Edition.ISO20)
    key = SeededEntropy(1).ec_key(ec.SECP521R1())
    plan = draft(
        Edition.ISO20.profiles["oem_provisioning"],
        common_name=PCID,
        public_key=key.public_key(),
        issuer=ours["oem_sub_ca2"],
        now=NOW,
        entropy=SeededEntropy(1),
    )
    odd = (x509.UnrecognizedExtension(ALTERNATE_KEY, value), False)
    certificate = replace(plan, extensions=(odd,)).sign(ours["oem_sub_ca2"].signer())
    files = replace(made(), provisioning=Identity("provisioning", certificate, key))
    vehicle_files.save(files, tmp_path)
    with pytest.raises(StoreError, match="alternate key"):
        vehicle_files.load(tmp_path)


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "iso20").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        vehicle_files.save(made(), tmp_path)


def test_a_hierarchy_of_iso2() -> None:
    with pytest.raises(ValueError, match="needs a hierarchy of ISO 15118-20"):
        vehicle_files.issue(hierarchy(), evccid=EVCCID, pcid=PCID, now=NOW, entropy=SeededEntropy(1))
