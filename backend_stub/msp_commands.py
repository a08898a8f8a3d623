"""The commands of the mobility service provider and of the vehicle register, on a running market."""

# ruff: noqa: N815 - fields are spelled as on the wire

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from backend_stub.client import MarketClient, UsageError
from backend_stub.commands import print_lines
from backend_stub.namespaces import Edition
from backend_stub.oem.folder import FolderError, read_code, read_pcid
from v2g.identifiers import Emaid, IdentifierError, Pcid

_EDITIONS = {"iso2": Edition.ISO2, "iso20": Edition.ISO20}


class _Contract(msgspec.Struct):
    emaid: str
    pcid: str
    certificateSerial: str
    validFrom: str
    validTo: str
    onboardedAt: str = ""
    state: str = "active"
    endReason: str = ""
    editions: list[str] = []


class _Books(msgspec.Struct):
    count: int
    contracts: list[_Contract]


class _Registration(msgspec.Struct):
    number: str
    vin: str
    pcid: str
    registeredAt: str
    keeper: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A car by one of its names, or by its folder, and a proof."""

    pcid: str | None = None
    vin: str | None = None
    registration: str | None = None
    vehicle: Path | None = None
    code: str | None = None
    document: str | None = None
    editions: Sequence[str] = ()
    """``iso2``, ``iso20``; empty: all that the car speaks."""

    def body(self) -> dict[str, Any]:
        """Return what the front desk wants to know. Raises UsageError."""
        names = [self.pcid, self.vin, self.registration, self.vehicle]
        if sum(name is not None for name in names) != 1:
            raise UsageError("give one of --pcid, --vin, --registration and --vehicle")
        pcid, code = self.pcid, self.code
        if self.vehicle is not None:
            try:
                pcid = read_pcid(self.vehicle)
                if code is None and self.document is None:
                    code = read_code(self.vehicle)
            except FolderError as error:
                raise UsageError(f"--vehicle {error}") from error
        if pcid is not None:
            try:
                pcid = str(Pcid.parse(pcid))
            except IdentifierError as error:
                raise UsageError(f"--pcid: {error}") from error
        if not set(self.editions) <= set(_EDITIONS):
            raise UsageError(f"--edition: one of {', '.join(_EDITIONS)}")
        body: dict[str, Any] = {
            "pcid": pcid,
            "vin": self.vin,
            "registration": self.registration,
            "code": code,
            "document": self.document,
            "editions": [_EDITIONS[name] for name in self.editions] or None,
        }
        return {name: value for name, value in body.items() if value is not None}


def onboard(url: str, ca: Path | None, wish: Wish, *, as_json: bool) -> None:
    """Have the MSP make a contract for a car."""
    body = wish.body()
    with MarketClient(url, ca) as market:
        contract = market.post("/msp/v1/contracts", body, _Contract)
    _tell(
        contract,
        f"valid until {contract.validTo}, is in the pool ({', '.join(contract.editions)})",
        as_json=as_json,
    )


def renew(url: str, ca: Path | None, emaid: str, *, as_json: bool) -> None:
    """Have the MSP renew a contract."""
    with MarketClient(url, ca) as market:
        contract = market.post(f"/msp/v1/contracts/{_emaid(emaid)}/renewal", {}, _Contract)
    _tell(contract, f"has a new certificate, valid until {contract.validTo}", as_json=as_json)


def terminate(url: str, ca: Path | None, emaid: str, reason: str, *, as_json: bool) -> None:
    """Have the MSP end a contract."""
    with MarketClient(url, ca) as market:
        contract = market.post(
            f"/msp/v1/contracts/{_emaid(emaid)}/termination", {"reason": reason}, _Contract
        )
    _tell(contract, f"has ended ({contract.endReason})", as_json=as_json)


def list_contracts(url: str, ca: Path | None, pcid: str | None, limit: int, *, as_json: bool) -> None:
    """Print the MSP's books."""
    query: dict[str, Any] = {"limit": limit} if pcid is None else {"pcid": pcid}
    with MarketClient(url, ca) as market:
        books = market.get("/msp/v1/contracts", _Books, **query)
    total = books.count if pcid is None else len(books.contracts)
    print_lines("Contracts", books.contracts, as_json=as_json, total=total)


def show_contract(url: str, ca: Path | None, emaid: str, *, as_json: bool) -> None:
    """Print one contract of the MSP's books."""
    with MarketClient(url, ca) as market:
        contract = market.get(f"/msp/v1/contracts/{_emaid(emaid)}", _Contract)
    if as_json:
        print(json.dumps(msgspec.to_builtins(contract)))
    else:
        print_lines("Contract", [contract], as_json=False)


def register_car(url: str, ca: Path | None, entry: dict[str, str], *, as_json: bool) -> None:
    """Enter a car into the vehicle register."""
    with MarketClient(url, ca) as market:
        made = market.post("/register/v1/vehicles", entry, _Registration)
    if as_json:
        print(json.dumps(msgspec.to_builtins(made)))
    else:
        print(f"car {made.pcid} bears number {made.number}; the keeper's document is {made.document}")


def find_car(url: str, ca: Path | None, name: dict[str, str], *, as_json: bool) -> None:
    """Look a car up in the vehicle register."""
    with MarketClient(url, ca) as market:
        entry = market.get("/register/v1/vehicles", _Registration, **name)
    if as_json:
        facts = msgspec.to_builtins(entry)
        print(json.dumps({key: facts[key] for key in ("number", "vin", "pcid", "registeredAt")}))
    else:
        print(f"number {entry.number}, VIN {entry.vin}, PCID {entry.pcid}")


def _tell(contract: _Contract, what: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(msgspec.to_builtins(contract)))
    else:
        print(f"contract {contract.emaid} for car {contract.pcid}, {what}")


def _emaid(text: str) -> str:
    try:
        return Emaid.normalise(text)
    except IdentifierError as error:
        raise UsageError(f"EMAID: {error}") from error
