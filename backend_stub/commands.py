"""The commands of the car maker on a running market, and a look at the market as a whole."""

# ruff: noqa: N815 - fields are spelled as on the wire

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from backend_stub import car_keys as iso20
from backend_stub.client import MarketClient, RefusedError, UsageError
from backend_stub.oem.folder import Battery, FolderError, KeyReplacement, NewVehicle, VehicleFolder
from pki.chain import parse
from pki.entropy import Entropy, SystemEntropy
from pki.errors import CertificateError
from pki.profiles import OEM_PROVISIONING
from pki.profiles import Edition as Suite

__all__ = ["Battery", "Series", "build", "print_lines", "rekey", "show"]

_WIDEST = 1000


class _Suites(msgspec.Struct):
    suites: list[str]


class _BuiltIso20(msgspec.Struct):
    provisioningCertificate: str
    vehicleCertificate: str
    subCA2Certificate: str
    subCA1Certificate: str
    v2gRootCertificates: list[str]


class _Built(msgspec.Struct):
    pcid: str
    evccid: str
    vehicleCertificate: str
    subCA2Certificate: str
    subCA1Certificate: str
    v2gRootCertificates: list[str]
    validTo: str
    vin: str = ""
    region: str = ""
    code: str = ""
    iso20: _BuiltIso20 | None = None


class _VehicleLine(msgspec.Struct):
    pcid: str
    evccid: str
    inPool: bool
    validTo: str
    builtAt: str


class _ContractLine(msgspec.Struct):
    emaid: str
    pcid: str
    inPool: bool
    isDefault: bool
    validTo: str
    onboardedAt: str


class _RootLine(msgspec.Struct):
    rootType: str
    name: str
    validTo: str


class _SignerLine(msgspec.Struct):
    name: str
    v2gRoot: str
    validTo: str


class _Overview(msgspec.Struct):
    vehicleCount: int
    vehicles: list[_VehicleLine]
    contractCount: int
    contracts: list[_ContractLine]
    roots: list[_RootLine]
    signers: list[_SignerLine]


@dataclass(frozen=True, slots=True)
class Series:
    """What to build: how many cars, sold where; ``vin`` for a single one.

    ``editions`` is what they speak; empty: all that the maker has.
    """

    count: int = 1
    region: str | None = None
    vin: str | None = None
    editions: Sequence[str] = ()


def build(
    url: str,
    ca: Path | None,
    out: Path,
    battery: Battery,
    *,
    as_json: bool,
    series: Series | None = None,
    entropy: Entropy | None = None,
) -> None:
    """Make the keys of cars here, have the OEM certify them, and write the vehicle folders.

    A private key goes into its folder and nowhere else. A folder appears complete or not at all. One car goes into
    ``out`` itself, several into numbered folders below it; called again, the numbers go on.
    """
    series = series or Series()
    if series.count < 1 or (series.vin is not None and series.count > 1):
        raise UsageError("--count: at least 1, and 1 only with --vin")
    built = []
    with MarketClient(url, ca) as market:
        suite = iso20.wanted(market.get("/oem/v1/suites", _Suites).suites, series.editions)
        for folder in _folders(out, series.count):
            facts = _build_one(market, folder, battery, series, suite, entropy or SystemEntropy())
            built.append(facts)
            if as_json:
                print(json.dumps(facts), flush=True)
            else:
                print(f"built car {facts['pcid']} in {folder}, valid until {facts['validTo']}", flush=True)
    if not as_json:
        print(f"a contract for it: backend-stub msp onboard --url {url} --vehicle {built[-1]['folder']}")


def _folders(out: Path, count: int) -> Iterator[Path]:
    if count == 1:
        yield out
        return
    number = 0
    for _ in range(count):
        while (folder := out / f"car-{(number := number + 1):04d}").exists():
            pass
        yield folder


def _build_one(
    market: MarketClient,
    out: Path,
    battery: Battery,
    series: Series,
    suite: Suite | None,
    entropy: Entropy,
) -> dict[str, Any]:
    key = entropy.ec_key(OEM_PROVISIONING.key_type.curve)
    body: dict[str, Any] = {
        "certificationRequest": _request(key),
        "region": series.region,
        "vin": series.vin,
    }
    keys = None if suite is None else iso20.CarKeys.make(suite, entropy)
    if keys is not None:
        body |= {"iso20": keys.body()}
    try:
        with VehicleFolder(out, battery) as folder:
            built = market.post("/oem/v1/vehicles", body, _Built)
            vehicle = _new_vehicle(built, key, keys)
            folder.complete(vehicle)
    except FolderError as error:
        raise UsageError(str(error)) from error
    return _facts(built, vehicle, out)


def _facts(built: _Built, vehicle: NewVehicle, folder: Path) -> dict[str, Any]:
    return {
        "pcid": built.pcid,
        "evccid": built.evccid,
        "folder": str(folder),
        "validTo": built.validTo,
        "v2gRoots": [root.subject.rfc4514_string() for root in vehicle.v2g_roots],
        "vin": built.vin,
        "region": built.region,
        "code": built.code,
        "editions": ["iso2"] if vehicle.iso20 is None else ["iso2", "iso20"],
    }


def rekey(url: str, ca: Path | None, folder: Path, *, new_pcid: bool, as_json: bool) -> None:
    """Make a new key for a car, have the OEM certify it, and put both into the car's folder.

    The new key is on the disk before the OEM sees it: cut off anywhere, the same command finishes.
    """
    try:
        with KeyReplacement(folder) as change, MarketClient(url, ca) as market:
            body: dict[str, Any] = {
                "certificationRequest": _request(change.key),
                "newPcid": new_pcid,
            }
            keys = iso20.CarKeys.anew(folder)
            if keys is not None:
                body |= {"iso20": keys.body()}
            built = market.post(f"/oem/v1/vehicles/{change.pcid}/key", body, _Built)
            vehicle = _new_vehicle(built, change.key, keys)
            change.complete(vehicle)
    except FolderError as error:
        raise UsageError(str(error)) from error
    facts = _facts(built, vehicle, folder) | {"previousPcid": change.pcid}
    if as_json:
        print(json.dumps(facts))
    else:
        print(f"car {change.pcid} has a new key; its PCID is {built.pcid}, its earlier contracts are deleted")


def show(urls: Mapping[str, str], ca: Path | None, limit: int, *, as_json: bool) -> None:
    """Print what the roles of each provider have; ``urls`` is their addresses by name."""
    overviews = {}
    for name, url in urls.items():
        with MarketClient(url, ca) as market:
            overviews[name] = market.get("/market/v1/overview", _Overview, limit=limit)
    if as_json:
        told = {name: msgspec.to_builtins(overview) for name, overview in overviews.items()}
        print(json.dumps(told if len(told) > 1 or "" not in told else told[""]))
        return
    for name, overview in overviews.items():
        if name:
            print(f"provider {name} at {urls[name]}\n")
        _print(_table("Vehicles", overview.vehicles, overview.vehicleCount))
        _print(_table("Contracts", overview.contracts, overview.contractCount))
        _print(_table("Roots", overview.roots, len(overview.roots)))
        _print(_table("Signers", overview.signers, len(overview.signers)))


def print_lines(title: str, lines: list[Any], *, as_json: bool, total: int | None = None) -> None:
    """Print msgspec structs as a table, or as a JSON list."""
    if as_json:
        print(json.dumps([msgspec.to_builtins(line) for line in lines]))
        return
    _print(_table(title, lines, len(lines) if total is None else total))


def _print(table: Table) -> None:
    """Print a table as wide as it is: a cut identifier is of no use."""
    console = Console()
    widest = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    console.width = max(console.width, widest)
    console.print(table)


_HEADINGS = {
    "vin": "VIN",
    "region": "region",
    "previousPcid": "before",
    "uploaded": "in pool",
    "validFrom": "valid from",
    "state": "state",
    "endReason": "reason",
    "defaultContract": "default",
    "certValidFrom": "valid from",
    "certValidTo": "valid until",
    "cpsRootCertificateDN": "V2G root",
    "commonName": "name",
    "fingerprint": "SHA-256",
    "number": "number",
    "keeper": "keeper",
    "document": "document",
    "cpsDistinguishedName": "signer",
    "cpsRootDistinguishedName": "V2G root",
    "pcid": "PCID",
    "evccid": "EVCCID",
    "emaid": "eMAID",
    "inPool": "in pool",
    "isDefault": "default",
    "validTo": "valid until",
    "builtAt": "built",
    "onboardedAt": "onboarded",
    "rootType": "branch",
    "name": "name",
    "v2gRoot": "V2G root",
}


def _table(title: str, lines: list[Any], total: int) -> Table:
    count = f"{total}" if len(lines) == total else f"{len(lines)} newest of {total}"
    table = Table(title=f"{title} ({count})", title_justify="left")
    rows = [msgspec.to_builtins(line) for line in lines]
    if not rows:
        table.add_column("none")
    for name in rows[0] if rows else ():
        table.add_column(_HEADINGS.get(name, name), no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    # Moments come as ISO 8601; to the second is enough for people.
    return f"{text[:10]} {text[11:19]}" if text[4:5] == "-" and text[10:11] == "T" else text


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a PKCS #10 request that proves possession of ``key``; the OEM gives the name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "new car")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return base64.b64encode(request.public_bytes(Encoding.DER)).decode()


def _new_vehicle(built: _Built, key: ec.EllipticCurvePrivateKey, keys: iso20.CarKeys | None) -> NewVehicle:
    try:
        certificate, sub_ca2, sub_ca1, *roots = (
            parse(base64.b64decode(text, validate=True))
            for text in (
                built.vehicleCertificate,
                built.subCA2Certificate,
                built.subCA1Certificate,
                *built.v2gRootCertificates,
            )
        )
    except (ValueError, CertificateError) as error:
        raise RefusedError([f"the market sent a certificate that cannot be read: {error}"], "") from error
    if certificate.public_key() != key.public_key():
        raise RefusedError(["the market certified another key than the car's"], "")
    files = None
    if keys is not None:
        if built.iso20 is None:
            raise RefusedError(["the market sent nothing for ISO 15118-20"], "")
        files = keys.files(msgspec.to_builtins(built.iso20))
    return NewVehicle(
        pcid=built.pcid,
        evccid=built.evccid,
        key=key,
        certificate=certificate,
        sub_cas=(sub_ca2, sub_ca1),
        v2g_roots=tuple(roots),
        vin=built.vin,
        code=built.code,
        iso20=files,
    )
