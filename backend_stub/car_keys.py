"""The keys that the production line makes for a car of ISO 15118-20, and what comes back for them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from backend_stub.client import RefusedError, UsageError
from pki import vehicle_files
from pki.chain import parse
from pki.entropy import Entropy, SystemEntropy
from pki.errors import CertificateError, StoreError
from pki.hierarchy import ISO20_FOLDER
from pki.issuing import Identity
from pki.keys import KeyType, PrivateKey, SigningKey, new_key, new_signing_key
from pki.profiles import Edition as Suite
from pki.vehicle_files import VehicleFiles

_EDITIONS = ("iso2", "iso20")


def wanted(suites: Sequence[str], editions: Sequence[str]) -> Suite | None:
    """Return the suite of ISO 15118-20 that cars are to be built with, of those that the maker has; None: without.

    No ``editions``: all that there are. Raises UsageError.
    """
    offered = next((Suite(text) for text in suites if text in {Suite.ISO20, Suite.ISO20_ED448}), None)
    if not editions:
        return offered
    if "iso2" not in editions or not set(editions) <= set(_EDITIONS):
        raise UsageError("--editions: iso2, or iso2,iso20")
    if "iso20" not in editions:
        return None
    if offered is None:
        raise UsageError("--editions iso20: this maker's cars speak ISO 15118-2 only")
    return offered


@dataclass(frozen=True, slots=True)
class CarKeys:
    """The private keys of a car; ``receiver`` is the X448 key of one with Ed448."""

    provisioning: SigningKey
    vehicle: SigningKey
    receiver: PrivateKey | None

    def __repr__(self) -> str:
        """Return nothing of the keys."""
        return "<CarKeys>"

    @classmethod
    def make(cls, suite: Suite, entropy: Entropy) -> "CarKeys":
        """Make them."""
        return cls(
            new_signing_key(suite.key_type, entropy),
            new_signing_key(suite.key_type, entropy),
            new_key(KeyType.X448, entropy) if suite is Suite.ISO20_ED448 else None,
        )

    @classmethod
    def anew(cls, folder: Path) -> "CarKeys | None":
        """Make new ones of the suite that a car has now; None for a car of ISO 15118-2. Raises UsageError."""
        if not (folder / ISO20_FOLDER).is_dir():
            return None
        try:
            ed = isinstance(vehicle_files.load(folder).provisioning.key, ed448.Ed448PrivateKey)
        except StoreError as error:
            raise UsageError(str(error)) from error
        return cls.make(Suite.ISO20_ED448 if ed else Suite.ISO20, SystemEntropy())

    def body(self) -> Mapping[str, str]:
        """Return what the car maker wants to see of them."""
        fields = {
            "provisioningRequest": _request(self.provisioning),
            "vehicleRequest": _request(self.vehicle),
        }
        if self.receiver is not None:
            public = self.receiver.public_key()
            fields["receiverKey"] = _text(
                public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            )
        return fields

    def files(self, built: Mapping[str, Any]) -> VehicleFiles:
        """Return what goes into the car, from the maker's answer. Raises RefusedError."""
        names = "provisioningCertificate", "vehicleCertificate", "subCA2Certificate", "subCA1Certificate"
        try:
            texts = [*(built[name] for name in names), *built["v2gRootCertificates"]]
            provisioning, vehicle, sub_ca2, sub_ca1, *roots = (
                parse(base64.b64decode(text, validate=True)) for text in texts
            )
        except (ValueError, CertificateError) as error:
            raise RefusedError([f"the market sent a certificate that cannot be read: {error}"], "") from error
        for certificate, key in ((provisioning, self.provisioning), (vehicle, self.vehicle)):
            if certificate.public_key() != key.public_key():
                raise RefusedError(["the market certified another key than the car's"], "")
        return VehicleFiles(
            Identity("vehicle", vehicle, self.vehicle),
            (sub_ca2, sub_ca1),
            Identity("provisioning", provisioning, self.provisioning),
            (sub_ca2, sub_ca1),
            tuple(roots),
            self.receiver,
        )


def _request(key: SigningKey) -> str:
    """Return a PKCS #10 request that proves possession of ``key``; the OEM gives the name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "new car")])
    algorithm = None if isinstance(key, ed448.Ed448PrivateKey) else hashes.SHA512()
    request: x509.CertificateSigningRequest = (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm)
    )
    return _text(request.public_bytes(Encoding.DER))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
