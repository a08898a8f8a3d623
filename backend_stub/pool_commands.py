"""The commands of the pools and of the signing service, on a running market; and of the maker's books."""

# ruff: noqa: N815 - fields are spelled as on the wire

import base64
import json
from pathlib import Path
from typing import Any

import msgspec

from backend_stub.client import MarketClient, RefusedError, UsageError
from backend_stub.commands import print_lines
from pki.chain import parse
from pki.errors import CertificateError, StoreError
from pki.store import write_certificates


class _Contract(msgspec.Struct):
    pcid: str
    emaid: str
    defaultContract: bool
    certValidFrom: str
    certValidTo: str
    cpsRootCertificateDN: str


class _Contracts(msgspec.Struct):
    XMLContracts: list[_Contract]


class _Root(msgspec.Struct):
    rootType: str
    commonName: str
    validTo: str
    fingerprint: str


class _CertifiedRoot(_Root):
    caCertificate: str


class _Roots(msgspec.Struct):
    rootCertificates: list[_CertifiedRoot]


class _RootAnswer(msgspec.Struct):
    RootCertificateCollection: _Roots


class _Signer(msgspec.Struct):
    cpsDistinguishedName: str
    cpsRootDistinguishedName: str
    validTo: str


class _Signers(msgspec.Struct):
    cpsCertificates: list[_Signer]


class _Vehicle(msgspec.Struct):
    pcid: str
    vin: str
    region: str
    uploaded: bool
    validTo: str
    builtAt: str
    previousPcid: str | None = None


class _Vehicles(msgspec.Struct):
    count: int
    vehicles: list[_Vehicle]


class _Code(msgspec.Struct):
    pcid: str
    code: str


def list_roots(url: str, ca: Path | None, root_type: str | None, out: Path | None, *, as_json: bool) -> None:
    """Print the roots of the RCP, or write them into a folder as a charger or car reads them."""
    query = {} if root_type is None else {"rootType": root_type}
    with MarketClient(url, ca) as market:
        answer = market.get("/v1/root/rootCerts", _RootAnswer, **query)
    roots = answer.RootCertificateCollection.rootCertificates
    if out is not None:
        _write(roots, out)
    lines = [_Root(root.rootType, root.commonName, root.validTo, root.fingerprint) for root in roots]
    print_lines("Roots", lines, as_json=as_json)


def list_contracts(url: str, ca: Path | None, *, pcid: str | None, emaid: str | None, as_json: bool) -> None:
    """Print what the CCP has of a car, or of one contract."""
    if (pcid is None) is (emaid is None):
        raise UsageError("give either --pcid or --emaid")
    path = f"/v1/ccp/signedContractData/{pcid}" if emaid is None else f"/v1/ccp/lookupContract/{emaid}"
    with MarketClient(url, ca) as market:
        found = market.get(path, _Contracts)
    print_lines("Contracts in the pool", found.XMLContracts, as_json=as_json)


def choose_default(url: str, ca: Path | None, pcid: str, emaid: str, *, as_json: bool) -> None:
    """Choose the default contract of a car."""
    with MarketClient(url, ca) as market:
        market.post(f"/v1/ccp/signedContractData/{pcid}/{emaid}/default", {}, msgspec.Raw)
    _done(f"contract {emaid} is what car {pcid} is given", {"pcid": pcid, "emaid": emaid}, as_json=as_json)


def delete_contract(url: str, ca: Path | None, emaid: str, *, as_json: bool) -> None:
    """Remove a contract from the CCP."""
    with MarketClient(url, ca) as market:
        market.delete(f"/v1/ccp/signedContractData/{emaid}")
    _done(f"contract {emaid} is in no pool any more", {"emaid": emaid}, as_json=as_json)


def show_car(url: str, ca: Path | None, pcid: str, *, as_json: bool) -> None:
    """Print what the PCP has of a car."""
    with MarketClient(url, ca) as market:
        answer = market.get(f"/v1/oem/provCerts/{pcid}", dict[str, Any])
    car = answer["OEMMessage"]
    if as_json:
        print(json.dumps(car))
        return
    print(f"car {pcid} under {car['rootIssuerDistinguishedName']}")
    print(f"certificate SHA-256 {car['fingerprint']}")
    for key_id in car["v2gRootAuthorityKeyIdentifiers"]:
        print(f"trusts the V2G root with key identifier {key_id}")


def delete_car(url: str, ca: Path | None, pcid: str, *, as_json: bool) -> None:
    """Withdraw a car from the PCP."""
    with MarketClient(url, ca) as market:
        market.delete(f"/v1/oem/provCerts/{pcid}")
    _done(f"car {pcid} and its contracts are withdrawn", {"pcid": pcid}, as_json=as_json)


def list_signers(url: str, ca: Path | None, *, as_json: bool) -> None:
    """Print the certificates that the CPS signs with."""
    with MarketClient(url, ca) as market:
        signers = market.get("/cps/signer", _Signers)
    print_lines("Signers", signers.cpsCertificates, as_json=as_json)


def list_vehicles(url: str, ca: Path | None, limit: int, *, as_json: bool) -> None:
    """Print the car maker's books."""
    with MarketClient(url, ca) as market:
        books = market.get("/oem/v1/vehicles", _Vehicles, limit=limit)
    print_lines("Vehicles", books.vehicles, as_json=as_json, total=books.count)


def new_code(url: str, ca: Path | None, pcid: str, *, as_json: bool) -> None:
    """Have the car maker give out a one-time code for one more contract."""
    with MarketClient(url, ca) as market:
        made = market.post(f"/oem/v1/vehicles/{pcid}/code", {}, _Code)
    if as_json:
        print(json.dumps(msgspec.to_builtins(made)))
    else:
        print(f"one-time code for car {made.pcid}: {made.code}")


def _write(roots: list[_CertifiedRoot], out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for root in roots:
            certificate = parse(base64.b64decode(root.caCertificate, validate=True))
            write_certificates(out / f"{root.rootType.lower()}-{root.fingerprint[:16]}.pem", [certificate])
    except (ValueError, CertificateError) as error:
        raise RefusedError([f"the market sent a root that cannot be read: {error}"], "") from error
    except (OSError, StoreError) as error:
        raise UsageError(f"--out {out}: {error}") from error


def _done(words: str, facts: dict[str, str], *, as_json: bool) -> None:
    print(json.dumps(facts) if as_json else words)
