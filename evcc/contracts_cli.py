"""``evcc contracts``: list, choose, remove and repair, in the stores of both generations of the standard."""

import argparse
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evcc import ota_cli
from evcc.contracts import Contract, ContractStore
from evcc.errors import ConfigError, ContractNotFoundError
from evcc.exit_codes import ExitCode
from pki.hierarchy import ISO20_FOLDER

Stores = Mapping[str, ContractStore]

_NAMES = {"iso2": "ISO 15118-2", "iso20": "ISO 15118-20"}
_T = TypeVar("_T")


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; raises ConfigError and ContractStoreError."""
    folders = _folders(arguments.vehicle, arguments.generation)
    moved: list[Path] = []
    if arguments.action == "repair":
        moved = [
            path for folder in folders.values() if folder.is_dir() for path in ContractStore.repair(folder)
        ]
    stores = {name: ContractStore.open(folder) for name, folder in folders.items()}
    done = ""
    if arguments.action == "choose":
        chosen_now = _each(stores, arguments.emaid, ContractStore.choose)[0].emaid
        done = f"chosen: {chosen_now}"
        if said := ota_cli.choose(arguments.vehicle, chosen_now, arguments.telematics, arguments.ca):
            done += f"; {said}"
    elif arguments.action == "remove":
        removed = _each(stores, arguments.emaid, ContractStore.remove)[0]
        left = dict.fromkeys(store.chosen.emaid for store in stores.values() if store.chosen is not None)
        chosen = f"; chosen: {', '.join(left)}" if left else ""
        done = f"removed: {removed.emaid}{chosen}"
    elif arguments.action == "repair":
        done = "\n".join(f"set aside: {path}" for path in moved) or "nothing was damaged"
    if arguments.json:
        facts = [fact for name, store in stores.items() for fact in _facts(name, store)]
        summary = {"contracts": facts, "set_aside": [str(path) for path in moved]}
        print(msgspec.json.encode(summary).decode())
    else:
        print(done or _table(stores))
    return ExitCode.OK


def _folders(vehicle: Path, only: str | None) -> Mapping[str, Path]:
    """Return where the stores lie that the command is about."""
    if not vehicle.is_dir():
        raise ConfigError(vehicle, "", "there is no such vehicle folder")
    folders = {"iso2": vehicle / "contracts"}
    if (vehicle / ISO20_FOLDER).is_dir():
        folders["iso20"] = vehicle / ISO20_FOLDER / "contracts"
    if only is not None and only not in folders:
        raise ConfigError(vehicle / ISO20_FOLDER, "", "there is no such folder: this car has nothing of -20")
    return folders if only is None else {only: folders[only]}


def _each(stores: Stores, emaid: str, change: Callable[[ContractStore, str], _T]) -> list[_T]:
    """Apply ``change`` in every store that has a contract of ``emaid``, which must be one at least."""
    found, missing = [], None
    for store in stores.values():
        try:
            found.append(change(store, emaid))
        except ContractNotFoundError as error:
            missing = error
    if not found:
        assert missing is not None
        raise missing
    return found


def _facts(generation: str, store: ContractStore) -> list[dict[str, Any]]:
    now, chosen = datetime.now(UTC), store.chosen
    return [
        {
            "emaid": contract.emaid,
            "generation": generation,
            "chosen": contract is chosen,
            "valid_from": contract.certificate.not_valid_before_utc.isoformat(),
            "valid_until": contract.valid_until.isoformat(),
            "valid": contract.usable(now),
            "serial": f"{contract.certificate.serial_number:x}",
            "issuer": contract.certificate.issuer.rfc4514_string(),
        }
        for contract in store.contracts
    ]


def _table(stores: Stores) -> str:
    if not any(store.contracts for store in stores.values()):
        return "no contracts"
    now = datetime.now(UTC)
    lines = []
    for name, store in stores.items():
        if len(stores) > 1:
            lines.append(f"{_NAMES[name]}:" if store.contracts else f"{_NAMES[name]}: no contracts")
        lines += [_line(contract, now, chosen=contract is store.chosen) for contract in store.contracts]
    return "\n".join(lines)


def _line(contract: Contract, now: datetime, *, chosen: bool) -> str:
    mark = "*" if chosen else " "
    state = "" if contract.usable(now) else "  NOT VALID"
    until = contract.valid_until.date().isoformat()
    return (
        f"{mark} {contract.emaid:<15}  until {until}  {contract.certificate.issuer.rfc4514_string()}{state}"
    )
