"""The commands that act on a running market: build a car, onboard a driver, look around."""

# ruff: noqa: N815 - fields are spelled as on the wire

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from rich.console import Console
from rich.table import Table

from backend_stub.client import MarketClient, RefusedError, UsageError
from backend_stub.oem.folder import Battery, FolderError, NewVehicle, VehicleFolder
from pki.chain import parse
from pki.entropy import Entropy, SystemEntropy
from pki.errors import CertificateError
from pki.profiles import OEM_PROVISIONING
from v2g.identifiers import IdentifierError, Pcid

__all__ = ["Battery", "build", "onboard", "show"]

_MINIMUM_WIDTH = 110


class _Built(msgspec.Struct):
    pcid: str
    evccid: str
    vehicleCertificate: str
    subCA2Certificate: str
    subCA1Certificate: str
    v2gRootCertificates: list[str]
    validTo: str


class _Contract(msgspec.Struct):
    emaid: str
    pcid: str
    certificateSerial: str
    validFrom: str
    validTo: str


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


def build(
    url: str,
    ca: Path | None,
    out: Path,
    battery: Battery,
    *,
    as_json: bool,
    entropy: Entropy | None = None,
) -> None:
    """Make a car's key here, have the OEM certify it, and write the vehicle folder.

    The private key goes into the folder and nowhere else. The folder appears complete or not at all.
    """
    key = (entropy or SystemEntropy()).ec_key(OEM_PROVISIONING.key_type.curve)
    try:
        with VehicleFolder(out, battery) as folder, MarketClient(url, ca) as market:
            built = market.post("/oem/v1/vehicles", {"certificationRequest": _request(key)}, _Built)
            vehicle = _new_vehicle(built, key)
            folder.complete(vehicle)
    except FolderError as error:
        raise UsageError(str(error)) from error
    facts = {
        "pcid": built.pcid,
        "evccid": built.evccid,
        "folder": str(out),
        "validTo": built.validTo,
        "v2gRoots": [root.subject.rfc4514_string() for root in vehicle.v2g_roots],
    }
    if as_json:
        print(json.dumps(facts))
        return
    print(f"built car {built.pcid} in {out}, provisioning certificate valid until {built.validTo}")
    print(f"a contract for it: backend-stub msp onboard --url {url} --pcid {built.pcid}")


def onboard(url: str, ca: Path | None, pcid: str, *, as_json: bool) -> None:
    """Have the MSP make a contract for a car."""
    try:
        name = str(Pcid.parse(pcid))
    except IdentifierError as error:
        raise UsageError(f"--pcid: {error}") from error
    with MarketClient(url, ca) as market:
        contract = market.post("/msp/v1/contracts", {"pcid": name}, _Contract)
    if as_json:
        print(json.dumps(msgspec.to_builtins(contract)))
    else:
        print(
            f"contract {contract.emaid} for car {contract.pcid}, valid until {contract.validTo}, is in the pool"
        )


def show(url: str, ca: Path | None, limit: int, *, as_json: bool) -> None:
    """Print what the roles have."""
    with MarketClient(url, ca) as market:
        overview = market.get("/market/v1/overview", _Overview, limit=limit)
    if as_json:
        print(json.dumps(msgspec.to_builtins(overview)))
        return
    console = Console()
    # A pipe has no width to fit into, and a cut identifier is of no use.
    console.width = max(console.width, _MINIMUM_WIDTH)
    console.print(_table("Vehicles", overview.vehicles, overview.vehicleCount))
    console.print(_table("Contracts", overview.contracts, overview.contractCount))
    console.print(_table("Roots", overview.roots, len(overview.roots)))
    console.print(_table("Signers", overview.signers, len(overview.signers)))


_HEADINGS = {
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
    for name in rows[0] if rows else ():
        table.add_column(_HEADINGS[name], no_wrap=True)
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


def _new_vehicle(built: _Built, key: ec.EllipticCurvePrivateKey) -> NewVehicle:
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
    return NewVehicle(
        pcid=built.pcid,
        evccid=built.evccid,
        key=key,
        certificate=certificate,
        sub_cas=(sub_ca2, sub_ca1),
        v2g_roots=tuple(roots),
    )
