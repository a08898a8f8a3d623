"""SignedInstallationData of ISO 15118-20: contract chain and envelope put in, and taken out again."""

from collections.abc import Sequence

from v2g.errors import EnvelopeError
from v2g.messages.iso20.common_messages import (
    ContractCertificateChain,
    EcdhCurve,
    SignedInstallationData,
    SubCertificates,
)
from v2g.security.envelope import Envelope
from v2g.security.envelope_iso20 import curve_of, tpm_refused

DEFAULT_ID = "id1"


def installation_data(
    contract_chain: Sequence[bytes], envelope: Envelope, identifier: str = DEFAULT_ID
) -> SignedInstallationData:
    """Return the element that a CPS signs.

    ``contract_chain`` holds the contract certificate and one to three sub-CAs above it, nearest first, in DER.
    ``envelope`` is what :func:`v2g.security.envelope_iso20.seal_iso20` made.
    """
    leaf, *above = contract_chain
    curve = curve_of(envelope)
    sealed = envelope.encrypted_private_key
    return SignedInstallationData(
        id=identifier,
        contract_certificate_chain=ContractCertificateChain(
            certificate=leaf, sub_certificates=SubCertificates(certificate=list(above))
        ),
        ecdh_curve=curve,
        dh_public_key=envelope.dh_public_key,
        secp521_encrypted_private_key=sealed if curve is EcdhCurve.SECP521 else None,
        x448_encrypted_private_key=sealed if curve is EcdhCurve.X448 else None,
    )


def envelope_of(data: SignedInstallationData) -> Envelope:
    """Return the envelope in the element.

    Raises :class:`EnvelopeError`: ``tpm`` for the form that only a TPM can open, ``curve`` when the field is
    not the one that ECDHCurve announces.
    """
    if data.tpm_encrypted_private_key is not None:
        raise tpm_refused()
    field = {
        EcdhCurve.SECP521: data.secp521_encrypted_private_key,
        EcdhCurve.X448: data.x448_encrypted_private_key,
    }[data.ecdh_curve]
    if field is None:
        raise EnvelopeError("curve", f"ECDHCurve says {data.ecdh_curve}, but the key is in another field")
    return Envelope(field, data.dh_public_key)
