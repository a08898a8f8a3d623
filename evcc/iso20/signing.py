"""What the car signs in ISO 15118-20, and what it lets the provisioning service have signed."""

from pki.keys import SigningKey, VerifyingKey
from v2g.messages import iso20, xmldsig
from v2g.messages.iso20 import common_messages as cm
from v2g.security.signature import ISO20_SECP521, SignedElement, sign, verify


def sign_element(name: str, identifier: str, value: object, key: SigningKey) -> xmldsig.Signature:
    """Return the signature over one element of a common message; raises as :func:`sign`."""
    return sign([SignedElement(identifier, name, value)], key, iso20.COMMON_MESSAGES, ISO20_SECP521)


def verify_bundle(
    signature: xmldsig.Signature | None, response: cm.CertificateInstallationRes, key: VerifyingKey
) -> None:
    """Check that the service of ``key`` signed SignedInstallationData, and nothing else; as :func:`verify`."""
    data = response.signed_installation_data
    element = SignedElement(data.id, "SignedInstallationData", data)
    verify(signature, [element], key, iso20.COMMON_MESSAGES, ISO20_SECP521)
