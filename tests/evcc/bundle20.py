"""Contract bundles of -20 as a provisioning service makes them, and all the ways to make them wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evcc.contracts import Contract
from pki.keys import PublicKey, SigningKey
from tests.evcc.charger import Charger, Signed
from tests.evcc.material import EMAIDS
from tests.evcc.material20 import World20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.protocols import UNSENT
from v2g.security.envelope import Envelope
from v2g.security.envelope_iso20 import receivers, seal_iso20
from v2g.security.signature_iso20 import sign_certificate_installation_res

PLACEHOLDER = b"\0"


@dataclass(frozen=True)
class Bundle20:
    """What goes into a CertificateInstallationRes; :func:`usual20` makes one with everything as it should be.

    ``receiver`` is whom the key is for and ``pcid`` whom the envelope is bound to, ``signer`` whose key signs
    and ``signer_chain`` what is said to vouch for it, ``envelope`` replaces the sealed key.
    """

    world: World20
    contract: Contract
    receiver: PublicKey
    signer: SigningKey
    signer_chain: Sequence[x509.Certificate]
    pcid: str
    envelope: Envelope | None = None
    remaining: int = 0

    @property
    def sealed(self) -> Envelope:
        """The key in its envelope."""
        contract = self.contract
        return self.envelope or seal_iso20(
            contract.key,
            self.receiver,
            self.world.entropy,
            pcid=self.pcid,
            certificate=contract.certificate,
        )

    def body(self, code: ResponseCode = ResponseCode.OK) -> cm.CertificateInstallationRes:
        """The response without its signature."""
        sealed = self.sealed
        form = {94: "secp521", 84: "x448", 206: "tpm"}[len(sealed.encrypted_private_key)]
        fields: dict[str, Any] = {f"{form}_encrypted_private_key": sealed.encrypted_private_key}
        leaf, *above = map(der, [self.contract.certificate, *self.contract.sub_certificates])
        data = cm.SignedInstallationData(
            id="id1",
            contract_certificate_chain=cm.ContractCertificateChain(
                certificate=leaf, sub_certificates=cm.SubCertificates(certificate=above or [PLACEHOLDER])
            ),
            ecdh_curve=cm.EcdhCurve.X448 if form == "x448" else cm.EcdhCurve.SECP521,
            dh_public_key=sealed.dh_public_key,
            **fields,
        )
        provider, *provider_above = map(der, self.signer_chain)
        return cm.CertificateInstallationRes(
            header=UNSENT,
            response_code=code,
            evse_processing=Processing.Finished,
            cps_certificate_chain=cm.CertificateChain(
                certificate=provider,
                sub_certificates=cm.SubCertificates(certificate=provider_above) if provider_above else None,
            ),
            signed_installation_data=data,
            remaining_contract_certificate_chains=self.remaining,
        )

    def signed(self) -> Signed:
        """The response with its signature."""
        body = self.body()
        return Signed(body, sign_certificate_installation_res(body, self.signer))


def usual20(world: World20, emaid: str = EMAIDS[0], remaining: int = 0) -> Bundle20:
    """A good bundle for the car of ``world``."""
    cps = world.pki["cps_leaf"]
    keys = receivers(world.car.provisioning.certificate)
    return Bundle20(
        world=world,
        contract=world.contract20(emaid),
        receiver=next(iter(keys.values())),
        signer=cps.signer(),
        signer_chain=world.pki.chain("cps_leaf"),
        pcid=world.pcid,
        remaining=remaining,
    )


def several(world: World20, count: int) -> list[Any]:
    """Good answers that deliver ``count`` contracts, one after the other."""
    return [usual20(world, EMAIDS[n], remaining=count - 1 - n).signed() for n in range(count)]


def placeholders(
    code: ResponseCode = ResponseCode.OK,
    processing: Processing = Processing.Finished,
    remaining: int = 0,
) -> cm.CertificateInstallationRes:
    """An answer without a contract: its fields are there only to satisfy the schema [V2G20-2202]."""
    return cm.CertificateInstallationRes(
        header=UNSENT,
        response_code=code,
        evse_processing=processing,
        cps_certificate_chain=cm.CertificateChain(certificate=PLACEHOLDER),
        signed_installation_data=cm.SignedInstallationData(
            id="id1",
            contract_certificate_chain=cm.ContractCertificateChain(
                certificate=PLACEHOLDER, sub_certificates=cm.SubCertificates(certificate=[PLACEHOLDER])
            ),
            ecdh_curve=cm.EcdhCurve.SECP521,
            dh_public_key=bytes(133),
            secp521_encrypted_private_key=bytes(94),
        ),
        remaining_contract_certificate_chains=remaining,
    )


def ongoing(_charger: Charger, _request: Any) -> cm.CertificateInstallationRes:
    """The backend is still at work."""
    return placeholders(processing=Processing.Ongoing)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


__all__ = ["Bundle20", "der", "ongoing", "placeholders", "replace", "several", "usual20"]
