"""The signed messages of ISO 15118-2, each with the elements that its signature covers.

What is common to both editions is :mod:`v2g.security.signing`, whose names are found here as well. All raise
:class:`SignatureError` as :func:`sign` and :func:`verify` do.
"""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from v2g.messages import iso2, xmldsig
from v2g.security.dialects import STANDARD, Dialect
from v2g.security.signing import (
    CANONICAL_EXI,
    Elements,
    Reason,
    SignedElement,
    check_value,
    element_digest,
    element_fragment,
    sign,
    signed_bytes,
    verify,
)
from v2g.security.suites import ISO2, ISO20_ED448, ISO20_SECP521, Suite

__all__ = [
    "CANONICAL_EXI",
    "ISO2",
    "ISO20_ED448",
    "ISO20_SECP521",
    "Bundle",
    "Elements",
    "Reason",
    "SignedElement",
    "SignedRequest",
    "Suite",
    "bundle_elements",
    "check_value",
    "element_digest",
    "element_fragment",
    "request_elements",
    "sign",
    "sign_authorization_req",
    "sign_certificate_installation_req",
    "sign_certificate_installation_res",
    "sign_certificate_update_req",
    "sign_metering_receipt_req",
    "sign_sales_tariffs",
    "signed_bytes",
    "tariff_elements",
    "verify",
    "verify_authorization_req",
    "verify_certificate_installation_req",
    "verify_certificate_installation_res",
    "verify_certificate_update_req",
    "verify_metering_receipt_req",
    "verify_sales_tariffs",
]

SignedRequest = (
    iso2.CertificateInstallationReq
    | iso2.CertificateUpdateReq
    | iso2.AuthorizationReq
    | iso2.MeteringReceiptReq
)
Bundle = iso2.CertificateInstallationRes | iso2.CertificateUpdateRes


def request_elements(request: SignedRequest) -> list[SignedElement]:
    """Return what signs a request: itself, whole, under its own Id."""
    return [SignedElement(request.id, type(request).__name__, request)]


def bundle_elements(response: Bundle) -> list[SignedElement]:
    """Return the four elements that a CPS signs, in the order of their references (id1 to id4)."""
    chain = response.contract_signature_cert_chain
    key = response.contract_signature_encrypted_private_key
    return [
        SignedElement(chain.id, "ContractSignatureCertChain", chain),
        SignedElement(key.id, "ContractSignatureEncryptedPrivateKey", key),
        SignedElement(response.dh_public_key.id, "DHpublickey", response.dh_public_key),
        SignedElement(response.emaid.id, "eMAID", response.emaid),
    ]


def sign_certificate_installation_req(
    request: iso2.CertificateInstallationReq, oem_key: ec.EllipticCurvePrivateKey
) -> xmldsig.Signature:
    """Sign the request with the key of the OEM provisioning certificate. Raises as :func:`sign`."""
    return sign(request_elements(request), oem_key, iso2.SCHEMA)


def verify_certificate_installation_req(
    signature: xmldsig.Signature | None,
    request: iso2.CertificateInstallationReq,
    oem_key: ec.EllipticCurvePublicKey,
) -> None:
    """Check the request's signature with the key of its OEM provisioning certificate; as :func:`verify`."""
    verify(signature, request_elements(request), oem_key, iso2.SCHEMA)


def sign_certificate_installation_res(
    response: Bundle, cps_key: ec.EllipticCurvePrivateKey, dialect: Dialect = STANDARD
) -> xmldsig.Signature:
    """Sign the four elements of a contract bundle with the key of the CPS leaf. Raises as :func:`sign`.

    Serves CertificateUpdateRes, too.
    """
    return sign(bundle_elements(response), cps_key, iso2.SCHEMA, dialect=dialect)


def verify_certificate_installation_res(
    signature: xmldsig.Signature | None,
    response: Bundle,
    cps_key: ec.EllipticCurvePublicKey,
    dialect: Dialect = STANDARD,
) -> None:
    """Check a contract bundle with the key of the leaf of its SAProvisioningCertificateChain.

    That chain is not itself signed; the caller validates it against the V2G roots of the car. Serves
    CertificateUpdateRes, too. Raises as :func:`verify`.
    """
    verify(signature, bundle_elements(response), cps_key, iso2.SCHEMA, dialect=dialect)


def sign_certificate_update_req(
    request: iso2.CertificateUpdateReq, contract_key: ec.EllipticCurvePrivateKey
) -> xmldsig.Signature:
    """Sign the request with the key of the contract to be replaced. Raises as :func:`sign`."""
    return sign(request_elements(request), contract_key, iso2.SCHEMA)


def verify_certificate_update_req(
    signature: xmldsig.Signature | None,
    request: iso2.CertificateUpdateReq,
    contract_key: ec.EllipticCurvePublicKey,
) -> None:
    """Check the request's signature with the key of the old contract certificate; as :func:`verify`."""
    verify(signature, request_elements(request), contract_key, iso2.SCHEMA)


def sign_authorization_req(
    request: iso2.AuthorizationReq, contract_key: ec.EllipticCurvePrivateKey
) -> xmldsig.Signature:
    """Sign the request, which carries the charger's challenge, with the contract key; as :func:`sign`."""
    return sign(request_elements(request), contract_key, iso2.SCHEMA)


def verify_authorization_req(
    signature: xmldsig.Signature | None,
    request: iso2.AuthorizationReq,
    contract_key: ec.EllipticCurvePublicKey,
) -> None:
    """Check the request's signature with the key of the contract certificate; as :func:`verify`.

    That the challenge is the right one is the charger's business.
    """
    verify(signature, request_elements(request), contract_key, iso2.SCHEMA)


def sign_metering_receipt_req(
    request: iso2.MeteringReceiptReq, contract_key: ec.EllipticCurvePrivateKey
) -> xmldsig.Signature:
    """Sign the receipt with the contract key. Raises as :func:`sign`."""
    return sign(request_elements(request), contract_key, iso2.SCHEMA)


def verify_metering_receipt_req(
    signature: xmldsig.Signature | None,
    request: iso2.MeteringReceiptReq,
    contract_key: ec.EllipticCurvePublicKey,
) -> None:
    """Check the receipt's signature with the key of the contract certificate; as :func:`verify`."""
    verify(signature, request_elements(request), contract_key, iso2.SCHEMA)


def tariff_elements(tariffs: Sequence[iso2.SalesTariff]) -> list[SignedElement]:
    """Return what is signed of the tariffs of a ChargeParameterDiscoveryRes: each of them."""
    return [SignedElement(tariff.id, "SalesTariff", tariff) for tariff in tariffs]


def sign_sales_tariffs(
    tariffs: Sequence[iso2.SalesTariff], mo_sub_ca2_key: ec.EllipticCurvePrivateKey
) -> xmldsig.Signature:
    """Sign tariffs with the key of the MO sub-CA 2, which issued the contract; as :func:`sign`."""
    return sign(tariff_elements(tariffs), mo_sub_ca2_key, iso2.SCHEMA)


def verify_sales_tariffs(
    signature: xmldsig.Signature | None,
    tariffs: Sequence[iso2.SalesTariff],
    mo_sub_ca2_key: ec.EllipticCurvePublicKey,
) -> None:
    """Check the tariffs' signature with the key of the MO sub-CA 2; as :func:`verify`."""
    verify(signature, tariff_elements(tariffs), mo_sub_ca2_key, iso2.SCHEMA)
