"""``evcc contracts``: list, choose, remove and repair."""

import argparse
from datetime import UTC, datetime
from typing import Any

import msgspec

from evcc import ota_cli
from evcc.contracts import Contract, ContractStore
from evcc.errors import ConfigError
from evcc.exit_codes import ExitCode


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; raises ConfigError and ContractStoreError."""
    if not arguments.vehicle.is_dir():
        raise ConfigError(arguments.vehicle, "", "there is no such vehicle folder")
    directory = arguments.vehicle / "contracts"
    moved = ContractStore.repair(directory) if arguments.action == "repair" and directory.is_dir() else []
    store = ContractStore.open(directory)
    done = ""
    if arguments.action == "choose":
        chosen_now = store.choose(arguments.emaid).emaid
        done = f"chosen: {chosen_now}"
        if said := ota_cli.choose(arguments.vehicle, chosen_now, arguments.telematics, arguments.ca):
            done += f"; {said}"
    elif arguments.action == "remove":
        removed = store.remove(arguments.emaid)
        chosen = f"; chosen: {store.chosen.emaid}" if store.chosen is not None else ""
        done = f"removed: {removed.emaid}{chosen}"
    elif arguments.action == "repair":
        done = "\n".join(f"set aside: {path}" for path in moved) or "nothing was damaged"
    if arguments.json:
        summary = {"contracts": _facts(store), "set_aside": [str(path) for path in moved]}
        print(msgspec.json.encode(summary).decode())
    else:
        print(done or _table(store))
    return ExitCode.OK


def _facts(store: ContractStore) -> list[dict[str, Any]]:
    now, chosen = datetime.now(UTC), store.chosen
    return [
        {
            "emaid": contract.emaid,
            "chosen": contract is chosen,
            "valid_from": contract.certificate.not_valid_before_utc.isoformat(),
            "valid_until": contract.valid_until.isoformat(),
            "valid": contract.usable(now),
            "serial": f"{contract.certificate.serial_number:x}",
            "issuer": contract.certificate.issuer.rfc4514_string(),
        }
        for contract in store.contracts
    ]


def _table(store: ContractStore) -> str:
    if not store.contracts:
        return "no contracts"
    now = datetime.now(UTC)
    return "\n".join(_line(contract, now, chosen=contract is store.chosen) for contract in store.contracts)


def _line(contract: Contract, now: datetime, *, chosen: bool) -> str:
    mark = "*" if chosen else " "
    state = "" if contract.usable(now) else "  NOT VALID"
    until = contract.valid_until.date().isoformat()
    return (
        f"{mark} {contract.emaid:<15}  until {until}  {contract.certificate.issuer.rfc4514_string()}{state}"
    )
