"""A market of ISO 15118-20 in memory: certificates, a car, its contracts, and bundles that are really signed."""

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

import exi
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.issuing import Identity, new_identity
from pki.profiles import Edition
from pki.vehicle_files import VehicleFiles, issue
from tests.secc.market import NOW, der
from v2g.messages import iso20, xmldsig
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20 import common_types as ct
from v2g.messages.iso20.common_types import ResponseCode
from v2g.protocols import UNSENT
from v2g.security import signature
from v2g.security.signature_iso20 import suite_for

PCID = "WMIV1234567890ABCD"
EVCCID = "WMIVEVCC1"
EMAIDS = ("DEPNCABCDEFGH1", "DEPNCABCDEFGH2", "DEPNCABCDEFGH3")


@dataclass(frozen=True)
class Market20:
    """Everything that car, charger and backend own; made once, since nothing in it changes."""

    pki: Hierarchy
    car: VehicleFiles
    contracts: tuple[Identity, ...]

    @property
    def edition(self) -> Edition:
        return self.pki.edition

    @property
    def contract(self) -> Identity:
        return self.contracts[0]

    def contract_of(
        self,
        emaid: str,
        *,
        start: datetime = NOW - timedelta(hours=1),
        validity: timedelta | None = None,
        issuer: str = "mo_sub_ca2",
        seed: int = 70,
    ) -> Identity:
        return new_identity(
            self.edition.profiles["contract"],
            common_name=emaid,
            issuer=self.pki[issuer],
            now=start,
            entropy=SeededEntropy(seed),
            validity=validity,
        )

    def provisioning(self, start: datetime, validity: timedelta) -> Identity:
        """Make another provisioning certificate for the car."""
        return new_identity(
            self.edition.profiles["oem_provisioning"],
            common_name=PCID,
            issuer=self.pki["oem_sub_ca2"],
            now=start,
            entropy=SeededEntropy(71),
            validity=validity,
        )

    def contract_chain(self, contract: Identity | None = None) -> cm.ContractCertificateChain:
        return cm.ContractCertificateChain(
            certificate=der((contract or self.contract).certificate),
            sub_certificates=cm.SubCertificates(certificate=[der(ca) for ca in self.pki.chain("mo_sub_ca2")]),
        )

    def installation_request(
        self, maximum: int = 1, emaids: tuple[str, ...] = (), car: Identity | None = None
    ) -> cm.CertificateInstallationReq:
        leaf = (car or self.car.provisioning).certificate
        root = self.pki["v2g_root"].certificate
        return cm.CertificateInstallationReq(
            header=UNSENT,
            oem_provisioning_certificate_chain=cm.SignedCertificateChain(
                id="id1",
                certificate=der(leaf),
                sub_certificates=cm.SubCertificates(
                    certificate=[der(ca) for ca in self.pki.chain("oem_sub_ca2")]
                ),
            ),
            list_of_root_certificate_ids=ct.ListOfRootCertificateIDs(
                root_certificate_id=[
                    xmldsig.X509IssuerSerial(
                        x509_issuer_name=root.issuer.rfc4514_string(),
                        x509_serial_number=root.serial_number,
                    )
                ]
            ),
            maximum_contract_certificate_chains=maximum,
            prioritized_emaids=cm.EMAIDList(emaid=list(emaids)) if emaids else None,
        )

    def bundle(self, contract: Identity | None = None, **parts: object) -> cm.CertificateInstallationRes:
        """Return a signed response with one contract; ``parts`` replace fields of the signed data first."""
        data = cm.SignedInstallationData(
            id="id1",
            contract_certificate_chain=self.contract_chain(contract),
            **self._envelope(),
        )
        for name, value in parts.items():
            setattr(data, name, value)
        key = self.pki["cps_leaf"].signer()
        signed = signature.sign(
            [("id1", "SignedInstallationData", data)], key, iso20.COMMON_MESSAGES, suite_for(key)
        )
        leaf, *subs = self.pki.chain("cps_leaf")
        return cm.CertificateInstallationRes(
            header=ct.MessageHeader(session_id=b"\x77" * 8, time_stamp=1, signature=signed),
            response_code=ResponseCode.OK,
            evse_processing=ct.Processing.Finished,
            cps_certificate_chain=cm.CertificateChain(
                certificate=der(leaf),
                sub_certificates=cm.SubCertificates(certificate=[der(sub) for sub in subs]),
            ),
            signed_installation_data=data,
            remaining_contract_certificate_chains=0,
        )

    def _envelope(self) -> dict[str, Any]:
        """Return fields of the right form; what is in them is not the charger's business."""
        if self.edition is Edition.ISO20_ED448:
            return {
                "ecdh_curve": cm.EcdhCurve.X448,
                "dh_public_key": bytes(133),
                "x448_encrypted_private_key": bytes(84),
            }
        return {
            "ecdh_curve": cm.EcdhCurve.SECP521,
            "dh_public_key": _point(self.pki["cps_leaf"]),
            "secp521_encrypted_private_key": bytes(range(94)),
        }

    def bundles(self, count: int = 1) -> tuple[bytes, ...]:
        return tuple(encoded(self.bundle(contract)) for contract in self.contracts[:count])


def encoded(message: ct.V2GMessage) -> bytes:
    return exi.encode(message, iso20.COMMON_MESSAGES)


def _point(identity: Identity) -> bytes:
    """Return a point of the curve; what is in the envelope is not the charger's business."""
    key = identity.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    numbers = key.public_numbers()
    return b"\x04" + numbers.x.to_bytes(66, "big") + numbers.y.to_bytes(66, "big")


@functools.cache
def market20(edition: Edition = Edition.ISO20) -> Market20:
    """Return the market that all tests share; one for each suite."""
    entropy = SeededEntropy(20)
    start = NOW - timedelta(days=1)
    pki = Hierarchy.create(now=start, entropy=entropy, edition=edition)
    car = issue(pki, evccid=EVCCID, pcid=PCID, now=start, entropy=entropy)
    unfinished = Market20(pki, car, ())
    contracts = tuple(unfinished.contract_of(emaid, seed=80 + n) for n, emaid in enumerate(EMAIDS))
    return Market20(pki, car, contracts)
