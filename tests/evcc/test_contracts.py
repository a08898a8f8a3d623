import json
import os
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from evcc.contracts import DAMAGED_FOLDER, LIST_NAME, MAX_CONTRACTS, Contract, ContractStore
from evcc.errors import (
    ContractNotFoundError,
    ContractStoreDamagedError,
    ContractStoreError,
    ContractStoreFullError,
)
from pki.profiles import Edition
from tests.evcc.material import EMAIDS, NOW, World
from tests.evcc.material20 import World20

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def contracts() -> list[Contract]:
    world = World()
    return [world.contract(emaid, validity=(10 + number) * DAY) for number, emaid in enumerate(EMAIDS)]


@pytest.fixture
def store(tmp_path: Path) -> ContractStore:
    return ContractStore.open(tmp_path / "contracts")


def emaids(store: ContractStore) -> list[str]:
    return [contract.emaid for contract in store.contracts]


def chosen(store: ContractStore) -> str | None:
    return None if store.chosen is None else store.chosen.emaid


def pem_files(store: ContractStore) -> list[Path]:
    return sorted(store.directory.glob("*.pem"))


def test_a_new_store_is_empty(store: ContractStore) -> None:
    assert store.contracts == ()
    assert store.chosen is None
    assert (store.directory / LIST_NAME).exists()


def test_what_is_installed_is_there_after_reopening(store: ContractStore, contracts: list[Contract]) -> None:
    assert store.install(contracts[0], NOW) == ()
    assert store.install(contracts[1], NOW) == ()
    again = ContractStore.open(store.directory)
    assert emaids(again) == [contracts[0].emaid, contracts[1].emaid]
    assert again.chosen is not None
    assert again.chosen.certificate == contracts[1].certificate
    assert again.chosen.sub_certificates == contracts[1].sub_certificates
    assert again.chosen.ecdsa_key.private_numbers() == contracts[1].ecdsa_key.private_numbers()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_keys_are_for_the_owner_only(store: ContractStore, contracts: list[Contract]) -> None:
    store.install(contracts[0], NOW)
    for path in (*pem_files(store), store.directory / LIST_NAME):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700


def test_the_same_emaid_is_replaced(store: ContractStore, contracts: list[Contract]) -> None:
    newer = World(seed=9).contract(contracts[0].emaid)
    store.install(contracts[0], NOW)
    store.install(contracts[1], NOW)
    assert [old.certificate for old in store.install(newer, NOW)] == [contracts[0].certificate]
    assert emaids(store) == [contracts[1].emaid, newer.emaid]
    assert store.chosen is not None
    assert store.chosen.certificate == newer.certificate
    assert len(pem_files(store)) == 2


def test_installing_the_same_contract_twice_changes_nothing(
    store: ContractStore, contracts: list[Contract]
) -> None:
    store.install(contracts[0], NOW)
    before = {path: path.read_bytes() for path in pem_files(store)}
    store.install(contracts[0], NOW)
    assert {path: path.read_bytes() for path in pem_files(store)} == before


def test_a_sixth_contract_is_refused_while_all_are_good(
    store: ContractStore, contracts: list[Contract]
) -> None:
    for contract in contracts[:MAX_CONTRACTS]:
        store.install(contract, NOW)
    with pytest.raises(ContractStoreFullError, match="none of them has expired"):
        store.install(contracts[5], NOW)
    assert emaids(store) == [contract.emaid for contract in contracts[:MAX_CONTRACTS]]
    assert emaids(ContractStore.open(store.directory)) == emaids(store)


def test_the_contract_that_expired_first_gives_way(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in reversed(contracts[:MAX_CONTRACTS]):
        store.install(contract, NOW)
    replaced = store.install(contracts[5], NOW + 11 * DAY)
    assert [contract.emaid for contract in replaced] == [contracts[0].emaid]
    assert contracts[0].emaid not in emaids(store)
    assert len(emaids(store)) == MAX_CONTRACTS


def test_a_contract_about_to_expire_counts_as_expired(
    store: ContractStore, contracts: list[Contract]
) -> None:
    for contract in contracts[:MAX_CONTRACTS]:
        store.install(contract, NOW)
    replaced = store.install(contracts[5], NOW + 8.5 * DAY, margin=DAY)
    assert [contract.emaid for contract in replaced] == [contracts[0].emaid]


def test_several_at_once_and_the_first_is_chosen(store: ContractStore, contracts: list[Contract]) -> None:
    store.install(contracts[4], NOW)
    installed = store.install_all(contracts[:3], NOW)
    assert installed.stored == tuple(contracts[:3])
    assert installed.refused == installed.replaced == ()
    assert emaids(store) == [contract.emaid for contract in (contracts[4], *contracts[:3])]
    assert chosen(ContractStore.open(store.directory)) == contracts[0].emaid


def test_of_several_those_are_kept_that_have_room(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in contracts[:4]:
        store.install(contract, NOW)
    newer = World(seed=9).contract(contracts[1].emaid)
    installed = store.install_all([contracts[5], newer, contracts[6]], NOW)
    assert installed.stored == (contracts[5], newer)
    assert installed.refused == (contracts[6],)
    assert [old.emaid for old in installed.replaced] == [contracts[1].emaid]
    assert len(emaids(store)) == MAX_CONTRACTS


def test_several_take_the_places_of_those_that_expired(
    store: ContractStore, contracts: list[Contract]
) -> None:
    for contract in contracts[:5]:
        store.install(contract, NOW)
    installed = store.install_all(contracts[5:7], NOW + 11.5 * DAY)
    assert [old.emaid for old in installed.replaced] == [contracts[0].emaid, contracts[1].emaid]
    assert len(pem_files(store)) == MAX_CONTRACTS


def test_when_none_of_several_has_room_nothing_changes(
    store: ContractStore, contracts: list[Contract]
) -> None:
    for contract in contracts[:5]:
        store.install(contract, NOW)
    with pytest.raises(ContractStoreFullError):
        store.install_all(contracts[5:7], NOW)
    assert emaids(store) == [contract.emaid for contract in contracts[:5]]


def test_contracts_of_either_kind_of_key(store: ContractStore, world20: World20) -> None:
    for suite in (Edition.ISO20, Edition.ISO20_ED448):
        contract = World20(suite=suite).contract20()
        store.install(contract, NOW)
        again = ContractStore.open(store.directory).chosen
        assert again is not None
        assert again.key.public_key() == contract.key.public_key()
        assert again.certificate == contract.certificate
    with pytest.raises(ValueError, match="none of ECDSA"):
        _ = World20(suite=Edition.ISO20_ED448).contract20().ecdsa_key


def test_choosing(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in contracts[:3]:
        store.install(contract, NOW)
    emaid = contracts[0].emaid
    assert store.choose(f"{emaid[:2]}-{emaid[2:5]}-{emaid[5:14]}-{emaid[14]}").emaid == emaid
    assert chosen(ContractStore.open(store.directory)) == emaid
    with pytest.raises(ContractNotFoundError, match="NOBODY"):
        store.choose("NOBODY")


def test_removing(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in contracts[:3]:
        store.install(contract, NOW)
    assert chosen(store) == contracts[2].emaid
    store.remove(contracts[0].emaid)
    assert chosen(store) == contracts[2].emaid
    store.remove(contracts[2].emaid)
    assert chosen(store) == contracts[1].emaid
    store.remove(contracts[1].emaid)
    assert chosen(store) is None
    assert pem_files(store) == []
    with pytest.raises(ContractNotFoundError):
        store.remove(contracts[1].emaid)


def test_two_processes_see_each_others_changes(store: ContractStore, contracts: list[Contract]) -> None:
    other = ContractStore.open(store.directory)
    store.install(contracts[0], NOW)
    other.install(contracts[1], NOW)
    store.install(contracts[2], NOW)
    assert emaids(store) == [contract.emaid for contract in contracts[:3]]


def test_usable_looks_at_both_ends_and_the_margin(contracts: list[Contract]) -> None:
    contract = contracts[0]
    assert contract.usable(NOW)
    assert not contract.usable(NOW - 2 * DAY)
    assert not contract.usable(NOW + 10 * DAY)
    assert contract.usable(NOW + 8 * DAY, margin=DAY)
    assert not contract.usable(NOW + 8 * DAY, margin=1.5 * DAY)


def test_the_key_never_shows(contracts: list[Contract]) -> None:
    assert repr(contracts[0]) == f"<Contract {contracts[0].emaid}>"


def test_leftovers_are_removed_on_opening(store: ContractStore, contracts: list[Contract]) -> None:
    store.install(contracts[0], NOW)
    stray = store.directory / f"{EMAIDS[1]}-0123456789abcdef.pem"
    stray.write_bytes(contracts[1].to_pem())
    half = store.directory / "store.json.tmp"
    half.write_bytes(b"{")
    again = ContractStore.open(store.directory)
    assert emaids(again) == [contracts[0].emaid]
    assert not stray.exists()
    assert not half.exists()


@pytest.mark.parametrize("size", [0, 1, 20, 150])
def test_a_damaged_list_is_named_and_nothing_is_touched(
    store: ContractStore, contracts: list[Contract], size: int
) -> None:
    store.install(contracts[0], NOW)
    list_file = store.directory / LIST_NAME
    list_file.write_bytes(list_file.read_bytes()[:size])
    before = {path: path.read_bytes() for path in store.directory.iterdir()}
    with pytest.raises(ContractStoreDamagedError, match="damaged") as caught:
        ContractStore.open(store.directory)
    assert caught.value.file == list_file
    assert {path: path.read_bytes() for path in store.directory.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format 2"),
        ({"chosen": None}, "chosen contract None"),
        ({"chosen": EMAIDS[6]}, f"chosen contract {EMAIDS[6]}"),
        ({"unknown": 1}, "unknown"),
        ({"contracts": [{"emaid": EMAIDS[0], "sha256": "0"}] * 2}, "one twice"),
        ({"contracts": [{"emaid": EMAIDS[0], "sha256": "0" * 64}]}, "its file is missing"),
    ],
)
def test_an_inconsistent_list_is_refused(
    store: ContractStore, contracts: list[Contract], change: dict[str, object], reason: str
) -> None:
    store.install(contracts[0], NOW)
    list_file = store.directory / LIST_NAME
    list_file.write_text(json.dumps(json.loads(list_file.read_text()) | change))
    with pytest.raises(ContractStoreDamagedError, match=reason):
        ContractStore.open(store.directory)


def test_a_missing_list_beside_contracts_is_damage(store: ContractStore, contracts: list[Contract]) -> None:
    store.install(contracts[0], NOW)
    (store.directory / LIST_NAME).unlink()
    with pytest.raises(ContractStoreDamagedError, match="missing"):
        ContractStore.open(store.directory)
    assert len(pem_files(store)) == 1


def test_a_changed_contract_file_is_named(store: ContractStore, contracts: list[Contract]) -> None:
    store.install(contracts[0], NOW)
    (path,) = pem_files(store)
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    with pytest.raises(ContractStoreDamagedError, match="SHA-256") as caught:
        ContractStore.open(store.directory)
    assert caught.value.file == path


def test_a_key_that_does_not_fit_is_no_contract(contracts: list[Contract]) -> None:
    mixed = Contract(contracts[0].emaid, contracts[0].certificate, (), contracts[1].key)
    with pytest.raises(ValueError, match="does not belong"):
        Contract.from_pem(mixed.to_pem())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ContractStoreError, match="contracts"):
        ContractStore.open(tmp_path / "contracts")


def test_a_disk_that_refuses_leaves_the_old_state(
    store: ContractStore, contracts: list[Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.install(contracts[0], NOW)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ContractStoreError, match="No space left"):
            store.install(contracts[1], NOW)
    assert emaids(store) == [contracts[0].emaid]
    assert len(pem_files(store)) == 1
    store.install(contracts[1], NOW)
    assert len(emaids(ContractStore.open(store.directory))) == 2


def test_repair_sets_a_damaged_contract_aside(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in contracts[:3]:
        store.install(contract, NOW)
    damaged = next(path for path in pem_files(store) if path.name.startswith(contracts[2].emaid))
    damaged.write_bytes(b"garbage")
    assert ContractStore.repair(store.directory) == [store.directory / DAMAGED_FOLDER / damaged.name]
    again = ContractStore.open(store.directory)
    assert emaids(again) == [contracts[0].emaid, contracts[1].emaid]
    assert chosen(again) == contracts[1].emaid


def test_repair_makes_a_lost_list_anew(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in contracts[:3]:
        store.install(contract, NOW)
    list_file = store.directory / LIST_NAME
    list_file.write_bytes(b"garbage")
    (store.directory / "note.pem").write_bytes(b"not a contract")
    moved = ContractStore.repair(store.directory)
    assert sorted(path.name for path in moved) == ["note.pem", LIST_NAME]
    assert all(path.parent.name == DAMAGED_FOLDER for path in moved)
    assert sorted(emaids(ContractStore.open(store.directory))) == sorted(c.emaid for c in contracts[:3])


def test_repair_of_a_good_store_changes_nothing(store: ContractStore, contracts: list[Contract]) -> None:
    for contract in contracts[:2]:
        store.install(contract, NOW)
    store.choose(contracts[0].emaid)
    assert ContractStore.repair(store.directory) == []
    again = ContractStore.open(store.directory)
    assert emaids(again) == emaids(store)
    assert chosen(again) == contracts[0].emaid


def test_a_second_aside_of_the_same_name_loses_nothing(store: ContractStore) -> None:
    for _ in range(2):
        (store.directory / LIST_NAME).write_bytes(b"garbage")
        ContractStore.repair(store.directory)
    assert len(list((store.directory / DAMAGED_FOLDER).iterdir())) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children")
@pytest.mark.parametrize("mode", ["every-step", "random"])
def test_kill_9_loses_nothing(tmp_path: Path, mode: str) -> None:
    """A child that installs contracts is killed by SIGKILL; the store opens, whole, every time."""
    program = [sys.executable, "-m", "tests.evcc.kill_store", mode, str(tmp_path / "contracts")]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] >= 40
    assert report["kills_that_kept_the_old_state"] > 0
    assert report["kills_that_kept_the_new_state"] > 0
