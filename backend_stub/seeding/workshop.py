"""Where the certificates of a seed are made: one workshop in each process of the pool.

A process reads the issuing identities from the certificate folder itself. Into it go numbers of cars, out of it
come rows for the tables, neither of them secret: contract keys never leave :mod:`backend_stub.sealing`, and the
keys of cars are made again where they are needed.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from backend_stub import proofs
from backend_stub.authority.interface import Kind, Pointers
from backend_stub.authority.store import NewEntry
from backend_stub.ccp.store import SignedContract
from backend_stub.certificates import der, key_fingerprint
from backend_stub.cps.interface import ContractData, Signer
from backend_stub.cps.service import SigningIdentity, signed_bundle
from backend_stub.msp.interface import DriverContract
from backend_stub.oem.store import FinishedVehicle
from backend_stub.sealing import Terms, make_contracts
from backend_stub.seeding.fleet import Car, CarKeys, Emaids, Fleet
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import issue
from pki.names import fingerprint_sha256
from pki.profiles import OEM_PROVISIONING
from v2g.messages import iso2


@dataclass(frozen=True, slots=True)
class Assignment:
    """What every workshop works by; nothing in it is secret.

    ``oem_issuer_id`` and ``mo_issuer_id`` are those of the certificate authority's index.
    """

    pki: Path
    seed: int
    contracts_per_vehicle: int
    wmi: str
    region: str
    country: str
    provider_id: str
    now: datetime
    oem_issuer_id: int
    mo_issuer_id: int
    oem_pointers: Pointers
    mo_pointers: Pointers


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for the tables: some cars with their contracts. Certificates are DER."""

    vehicles: Sequence[FinishedVehicle]
    booked: Sequence[tuple[DriverContract, bytes]]
    pooled: Sequence[SignedContract]
    issued: Sequence[NewEntry]


class Workshop:
    """Makes cars and contracts after one assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self._at = assignment
        self._hierarchy = Hierarchy.load(assignment.pki)
        self._fleet = Fleet(assignment.seed, assignment.wmi)
        self._keys = CarKeys(assignment.seed, self._hierarchy["oem_sub_ca2"])
        self._emaids = Emaids(assignment.seed, assignment.country, assignment.provider_id)
        self._entropy = SystemEntropy()
        root = self._hierarchy.root_of("cps_leaf").certificate
        signer = Signer(self._hierarchy.chain("cps_leaf"), root)
        self._signing = SigningIdentity(signer, self._hierarchy["cps_leaf"].signing_key())
        self._root = fingerprint_sha256(root)
        self._cps_ends = min(each.not_valid_after_utc for each in (*signer.chain, root))

    def make(self, numbers: Sequence[int]) -> Batch:
        """Return cars with their contracts, all certified, sealed and signed."""
        vehicles: list[FinishedVehicle] = []
        booked: list[tuple[DriverContract, bytes]] = []
        pooled: list[SignedContract] = []
        issued: list[NewEntry] = []
        for number in numbers:
            car = self._fleet.car(number)
            key = self._keys.key(number).public_key()
            certificate = self._certify(car, key)
            vehicle = self._vehicle(car, certificate, key_fingerprint(key))
            vehicles.append(vehicle)
            issued.append(_entry(self._at.oem_issuer_id, certificate, Kind.CAR, car.pcid, None))
            for place, (emaid, data) in enumerate(self._contracts(number, key)):
                contract = data.certificate
                booked.append((self._booked(emaid, car.pcid, contract), der(contract)))
                pooled.append(self._pooled(emaid, vehicle, data, is_default=place == 0))
                issued.append(_entry(self._at.mo_issuer_id, contract, Kind.CONTRACT, emaid, car.pcid))
        return Batch(vehicles, booked, pooled, issued)

    def _certify(self, car: Car, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        return issue(
            OEM_PROVISIONING,
            common_name=car.pcid,
            public_key=key,
            issuer=self._hierarchy["oem_sub_ca2"],
            now=self._at.now,
            entropy=self._entropy,
            crl_url=self._at.oem_pointers.crl_url,
            ocsp_url=self._at.oem_pointers.ocsp_url,
        )

    def _vehicle(self, car: Car, certificate: x509.Certificate, fingerprint: str) -> FinishedVehicle:
        return FinishedVehicle(
            pcid=car.pcid,
            evccid=car.evccid,
            vin=car.vin,
            region=self._at.region,
            certificate=der(certificate),
            key_fingerprint=fingerprint,
            code_sha256=proofs.digest(car.pcid, car.code),
        )

    def _contracts(self, number: int, key: ec.EllipticCurvePublicKey) -> list[tuple[str, ContractData]]:
        """Return the contracts of a car, sealed for it."""
        issuer = self._hierarchy["mo_sub_ca2"]
        emaids = [self._emaids.emaid(number, place) for place in range(self._at.contracts_per_vehicle)]
        terms = [(Terms(emaid, self._at.now, pointers=self._at.mo_pointers), key) for emaid in emaids]
        made = make_contracts(terms, issuer, self._entropy)
        sub_ca1 = self._hierarchy["mo_sub_ca1"].certificate
        return [
            (
                emaid,
                ContractData(
                    certificate=certificate,
                    sub_ca1=sub_ca1,
                    sub_ca2=issuer.certificate,
                    encrypted_private_key=envelope.encrypted_private_key,
                    dh_public_key=envelope.dh_public_key,
                ),
            )
            for emaid, (certificate, envelope) in zip(emaids, made, strict=True)
        ]

    def _booked(self, emaid: str, pcid: str, certificate: x509.Certificate) -> DriverContract:
        return DriverContract(
            emaid=emaid,
            pcid=pcid,
            certificate_serial=certificate.serial_number,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            onboarded_at=self._at.now,
        )

    def _pooled(
        self, emaid: str, car: FinishedVehicle, data: ContractData, *, is_default: bool
    ) -> SignedContract:
        return SignedContract(
            emaid=emaid,
            pcid=car.pcid,
            receiver_key=car.key_fingerprint,
            certificate=der(data.certificate),
            is_default=is_default,
            not_before=data.certificate.not_valid_before_utc,
            not_after=data.certificate.not_valid_after_utc,
            v2g_root_fingerprint=self._root,
            document=exi.encode(signed_bundle(data, emaid, self._signing), iso2.SCHEMA),
            cps_not_after=self._cps_ends,
        )


def _entry(
    issuer_id: int, certificate: x509.Certificate, kind: Kind, name: str, pcid: str | None
) -> NewEntry:
    return NewEntry(issuer_id, certificate.serial_number, kind, name, pcid, certificate.not_valid_after_utc)


# --- the processes ---------------------------------------------------------------------------------------


def begin() -> None:
    """Prepare a process of the pool: it ends with the one that started it, however that ends."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def make(assignment: Assignment, numbers: Sequence[int]) -> Batch:
    """Return a batch; the workshop of this process is opened at the first one."""
    return _workshop(assignment).make(numbers)


@cache
def _workshop(assignment: Assignment) -> Workshop:
    return Workshop(assignment)


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
