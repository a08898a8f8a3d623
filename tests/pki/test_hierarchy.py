"""The hierarchy in memory and as a folder."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pki import chain, store
from pki.defects import defect
from pki.entropy import SeededEntropy, deterministic_ecdsa
from pki.errors import CertificateError, Rule, StoreError
from pki.hierarchy import MEMBERS, Hierarchy, init_folder
from pki.profiles import CPS_LEAF, Edition
from tests.pki.material import NOW, bench, hierarchy

BRANCHES = {"cpo", "cps", "mo", "oem", "v2g"}


@pytest.fixture
def other() -> Hierarchy:
    return Hierarchy.create(now=NOW, entropy=SeededEntropy(99), organization="Other")


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


class TestMembers:
    def test_names(self) -> None:
        assert list(hierarchy()) == [
            "v2g_root",
            "cpo_sub_ca1",
            "cpo_sub_ca2",
            "secc_leaf",
            "cps_sub_ca1",
            "cps_sub_ca2",
            "cps_leaf",
            "oem_root",
            "oem_sub_ca1",
            "oem_sub_ca2",
            "mo_root",
            "mo_sub_ca1",
            "mo_sub_ca2",
        ]
        assert len(hierarchy()) == 13

    def test_chain_is_in_the_order_of_the_wire(self) -> None:
        names = ("secc_leaf", "cpo_sub_ca2", "cpo_sub_ca1")
        assert hierarchy().chain("secc_leaf") == [hierarchy()[name].certificate for name in names]
        assert hierarchy().chain("v2g_root") == []

    @pytest.mark.parametrize(
        ("name", "root"),
        [
            ("secc_leaf", "v2g_root"),
            ("cps_leaf", "v2g_root"),
            ("oem_sub_ca2", "oem_root"),
            ("mo_sub_ca1", "mo_root"),
            ("mo_root", "mo_root"),
        ],
    )
    def test_root_of(self, name: str, root: str) -> None:
        assert hierarchy().root_of(name) is hierarchy()[root]

    @pytest.mark.parametrize("name", [name for name, member in MEMBERS.items() if member.parent])
    def test_every_chain_is_valid(self, name: str) -> None:
        certificate, *above = hierarchy().chain(name)
        root = hierarchy().root_of(name).certificate
        chain.validate(certificate, above, [root], at=NOW, profile=MEMBERS[name].profile)

    def test_every_key_belongs_to_its_certificate(self) -> None:
        for identity in hierarchy().values():
            assert identity.signing_key().public_key() == identity.certificate.public_key()

    def test_no_two_keys_or_serials_are_the_same(self) -> None:
        everyone = hierarchy().values()
        assert len({identity.certificate.serial_number for identity in everyone}) == 13
        assert len({identity.signing_key().private_numbers().private_value for identity in everyone}) == 13

    def test_incomplete(self) -> None:
        members = dict(hierarchy())
        del members["cps_leaf"]
        with pytest.raises(ValueError, match="cps_leaf"):
            Hierarchy(members)

    @pytest.mark.skipif(not deterministic_ecdsa(), reason="the linked OpenSSL has no RFC 6979 (needs 3.2)")
    def test_a_seed_gives_the_same_hierarchy(self, other: Hierarchy) -> None:
        again = Hierarchy.create(now=NOW, entropy=SeededEntropy(1))
        for name, identity in hierarchy().items():
            assert again[name].certificate == identity.certificate
            assert other[name].certificate != identity.certificate

    def test_names_by_choice(self) -> None:
        made = Hierarchy.create(
            now=NOW, entropy=SeededEntropy(1), organization="Grid & Söhne", secc_id="NLABCS1"
        )
        assert made["secc_leaf"].subject == "DC=CPO,O=Grid & Söhne,CN=NLABCS1"

    def test_names_that_make_it_too_large(self) -> None:
        with pytest.raises(CertificateError) as caught:
            # 64 characters of four bytes each, in subject and issuer.
            Hierarchy.create(now=NOW, entropy=SeededEntropy(1), organization="🔌" * 64)
        assert caught.value.rule is Rule.TOO_LARGE


ISO20 = [Edition.ISO20, Edition.ISO20_ED448]


@pytest.mark.parametrize("edition", ISO20)
class TestIso20:
    def test_members(self, edition: Edition) -> None:
        assert list(hierarchy(edition)) == [*MEMBERS, "vehicle_sub_ca1", "vehicle_sub_ca2"]
        assert hierarchy(edition).root_of("vehicle_sub_ca2").name == "v2g_root"

    def test_every_chain_is_valid(self, edition: Edition) -> None:
        ours = hierarchy(edition)
        for name, member in ours.members.items():
            if member.parent:
                certificate, *above = ours.chain(name)
                root = ours.root_of(name).certificate
                chain.validate(certificate, above, [root], at=NOW, profile=member.profile)
                assert chain.key_name(certificate) == edition.key_type

    def test_a_seed_gives_the_same_hierarchy(self, edition: Edition) -> None:
        if edition is Edition.ISO20 and not deterministic_ecdsa():
            pytest.skip("the linked OpenSSL has no RFC 6979 (needs 3.2)")
        again = Hierarchy.create(now=NOW, entropy=SeededEntropy(1), edition=edition)
        for name, identity in hierarchy(edition).items():
            assert again[name].certificate == identity.certificate

    def test_saved_and_loaded_by_itself(self, tmp_path: Path, edition: Edition) -> None:
        hierarchy(edition).save(tmp_path / "pki")
        loaded = Hierarchy.load(tmp_path / "pki")
        assert loaded.edition is edition
        for name, identity in hierarchy(edition).items():
            assert loaded[name].certificate == identity.certificate
            assert loaded[name].private_key().public_key() == identity.private_key().public_key()

    def test_both_in_one_folder(self, tmp_path: Path, edition: Edition) -> None:
        first, second = init_folder(tmp_path / "pki", now=NOW, entropy=SeededEntropy(3), iso20=edition)
        assert Hierarchy.load(tmp_path / "pki")["cps_leaf"].certificate == first["cps_leaf"].certificate
        inside = Hierarchy.load(tmp_path / "pki" / "iso20")
        assert inside.edition is edition
        assert inside["cps_leaf"].certificate == second["cps_leaf"].certificate
        with pytest.raises(StoreError, match="not empty"):
            init_folder(tmp_path / "pki", now=NOW, entropy=SeededEntropy(4))
        init_folder(tmp_path / "pki", now=NOW, entropy=SeededEntropy(4), overwrite=True)
        assert Hierarchy.load(tmp_path / "pki" / "iso20").edition is Edition.ISO20


def test_a_root_of_no_edition(tmp_path: Path) -> None:
    hierarchy().save(tmp_path / "pki")
    root = defect("wrong_curve").make(bench(CPS_LEAF)).leaf.certificate
    store.write_certificates(tmp_path / "pki" / "v2g" / "root.pem", [root])
    with pytest.raises(StoreError, match="secp384r1 key belongs to no edition") as caught:
        Hierarchy.load(tmp_path / "pki")
    assert caught.value.path.endswith("v2g/root.pem")


def test_an_edwards_key_is_not_given_where_only_ecdsa_is_expected() -> None:
    leaf = hierarchy(Edition.ISO20_ED448)["cps_leaf"]
    with pytest.raises(ValueError, match="ed448 key of cps_leaf is none of ECDSA"):
        leaf.signing_key()
    assert leaf.signer().public_key() == leaf.certificate.public_key()
    with pytest.raises(ValueError, match="is not here"):
        replace(leaf, key=None).signer()


class TestFolder:
    def test_saved_and_loaded(self, tmp_path: Path) -> None:
        hierarchy().save(tmp_path / "pki")
        loaded = Hierarchy.load(tmp_path / "pki")
        for name, identity in hierarchy().items():
            assert loaded[name].certificate == identity.certificate
            assert loaded[name].signing_key().private_numbers() == identity.signing_key().private_numbers()

    def test_layout(self, tmp_path: Path) -> None:
        place = tmp_path / "some" / "where" / "pki"
        hierarchy().save(place)
        files = contents(place)
        assert {name.split("/")[0] for name in files} == BRANCHES
        assert len(files) == 13 * 3 + 2
        for name in ("v2g/root", "cpo/sub_ca1", "cpo/secc_leaf", "cps/cps_leaf", "oem/sub_ca2", "mo/root"):
            assert {f"{name}.pem", f"{name}.der", f"{name}.key"} <= set(files)
        for file, name in (("cpo/secc_chain.pem", "secc_leaf"), ("cps/cps_chain.pem", "cps_leaf")):
            assert store.read_certificates(place / file) == hierarchy().chain(name)
        assert files["v2g/root.der"] == hierarchy()["v2g_root"].certificate.public_bytes(Encoding.DER)

    def test_only_the_owner_reads_keys(self, tmp_path: Path) -> None:
        hierarchy().save(tmp_path / "pki")
        for file in (tmp_path / "pki").rglob("*"):
            if file.is_file():
                mode = stat.S_IMODE(file.stat().st_mode)
                assert (mode == 0o600) == (file.suffix == ".key"), file

    def test_keys_elsewhere(self, tmp_path: Path) -> None:
        hierarchy().save(tmp_path / "pki")
        (tmp_path / "pki" / "v2g" / "root.key").unlink()
        loaded = Hierarchy.load(tmp_path / "pki")
        assert loaded["v2g_root"].key is None
        loaded.save(tmp_path / "again")
        assert not (tmp_path / "again" / "v2g" / "root.key").exists()

    def test_an_empty_folder_is_fine(self, tmp_path: Path) -> None:
        hierarchy().save(tmp_path)
        assert (tmp_path / "v2g" / "root.pem").exists()

    def test_keys_are_never_overwritten_unasked(self, tmp_path: Path, other: Hierarchy) -> None:
        hierarchy().save(tmp_path / "pki")
        before = contents(tmp_path)
        with pytest.raises(StoreError, match="not empty"):
            other.save(tmp_path / "pki")
        assert contents(tmp_path) == before

    def test_overwritten_when_asked(self, tmp_path: Path, other: Hierarchy) -> None:
        hierarchy().save(tmp_path / "pki")
        other.save(tmp_path / "pki", overwrite=True)
        assert Hierarchy.load(tmp_path / "pki")["cps_leaf"].certificate == other["cps_leaf"].certificate
        assert [path.name for path in tmp_path.iterdir()] == ["pki"]

    def test_other_peoples_files_are_not_overwritten(self, tmp_path: Path) -> None:
        hierarchy().save(tmp_path / "pki")
        (tmp_path / "pki" / "v2g" / "thesis.odt").write_text("years of work")
        with pytest.raises(StoreError) as caught:
            hierarchy().save(tmp_path / "pki", overwrite=True)
        assert caught.value.path.endswith("thesis.odt")
        assert (tmp_path / "pki" / "v2g" / "thesis.odt").exists()

    def test_a_file_in_the_way(self, tmp_path: Path) -> None:
        (tmp_path / "pki").write_text("")
        with pytest.raises(StoreError, match="not a folder"):
            hierarchy().save(tmp_path / "pki", overwrite=True)

    @pytest.mark.parametrize("overwrite", [False, True])
    @pytest.mark.parametrize("step", range(1, 42, 5))
    def test_a_failure_at_any_step_leaves_the_old_state(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, other: Hierarchy, overwrite: bool
    ) -> None:
        if overwrite:
            hierarchy().save(tmp_path / "pki")
        before = contents(tmp_path)
        writes = 0
        write = store.write_atomically

        def failing(path: Path, data: bytes, *, mode: int, durable: bool) -> None:
            nonlocal writes
            writes += 1
            if writes == step:
                raise StoreError(path, "cannot be written: No space left on device")
            write(path, data, mode=mode, durable=durable)

        monkeypatch.setattr(store, "write_atomically", failing)
        with pytest.raises(StoreError):
            other.save(tmp_path / "pki", overwrite=overwrite)
        assert contents(tmp_path) == before

    def test_a_failing_rename_puts_the_old_folder_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Hierarchy
    ) -> None:
        hierarchy().save(tmp_path / "pki")
        before = contents(tmp_path)
        rename = Path.rename

        def failing(self: Path, target: Path) -> Path:
            if self.name.endswith(".new"):
                raise OSError(5, "Input/output error")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", failing)
        with pytest.raises(StoreError, match="Input/output error"):
            other.save(tmp_path / "pki", overwrite=True)
        assert contents(tmp_path) == before

    @pytest.mark.parametrize("file", ["v2g/root.pem", "cpo/secc_leaf.pem", "mo/sub_ca2.pem"])
    def test_a_missing_or_broken_file_is_named(self, tmp_path: Path, file: str) -> None:
        hierarchy().save(tmp_path / "pki")
        (tmp_path / "pki" / file).write_text("junk")
        with pytest.raises(StoreError) as caught:
            Hierarchy.load(tmp_path / "pki")
        assert caught.value.path == str(tmp_path / "pki" / file)
        (tmp_path / "pki" / file).unlink()
        with pytest.raises(StoreError) as caught:
            Hierarchy.load(tmp_path / "pki")
        assert caught.value.path == str(tmp_path / "pki" / file)

    def test_a_key_of_another_certificate_is_named(self, tmp_path: Path) -> None:
        hierarchy().save(tmp_path / "pki")
        store.write_key(tmp_path / "pki" / "cps" / "cps_leaf.key", hierarchy()["secc_leaf"].signing_key())
        with pytest.raises(StoreError, match="does not belong") as caught:
            Hierarchy.load(tmp_path / "pki")
        assert caught.value.path.endswith("cps_leaf.key")

    def test_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="pki init"):
            Hierarchy.load(tmp_path / "none")
