"""Certificates in words: what one is for, how long it is valid, how it stands."""

# ruff: noqa: N815 - fields are spelled as on the wire

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pydantic import Field

from backend_stub.authority.interface import Kind, RevocationSource
from backend_stub.certificates import subject_key_id
from backend_stub.web.fields import Body, CertificateField
from pki.errors import CertificateError, Rule
from pki.names import fingerprint_sha256
from pki.revocation import RevocationChecker

_PURPOSES = {
    Kind.CONTRACT: "a driver's contract: authorizes charging",
    Kind.CAR: "a car's identity: contracts are sealed for its key",
    Kind.CHARGER: "a charger's identity: TLS towards the car",
    Kind.SIGNER: "signs contracts for cars (CPS)",
    Kind.CA: "issues certificates",
    Kind.OTHER: "other",
}
_USAGES = (
    ("digital_signature", "signs"),
    ("key_agreement", "agrees on keys"),
    ("key_encipherment", "encrypts keys"),
    ("key_cert_sign", "issues certificates"),
    ("crl_sign", "signs revocation lists"),
    ("content_commitment", "binds its holder"),
)
_EXTENDED = {
    ExtendedKeyUsageOID.SERVER_AUTH: "TLS server",
    ExtendedKeyUsageOID.CLIENT_AUTH: "TLS client",
    ExtendedKeyUsageOID.OCSP_SIGNING: "signs OCSP answers",
}


class CertificateLine(Body):
    """A certificate."""

    fingerprint: str = Field(description="SHA-256 of the DER bytes.")
    name: str = Field(description="Common name, else the whole subject.")
    subject: str
    issuer: str
    serial: str
    purpose: str
    usage: list[str] = Field(description="What its key may do.")
    key: str
    keyId: str
    root: bool = Field(description="It is signed with its own key.")
    ca: bool
    validFrom: datetime
    validTo: datetime
    state: str = Field(description="valid, expired, notYetValid or revoked.")
    remark: str = Field(description="Since when and why it is revoked.")
    certificate: CertificateField


def name_of(certificate: x509.Certificate) -> str:
    """Return the common name of a certificate, or its whole subject when it has none or several."""
    values = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(values[0].value) if len(values) == 1 else certificate.subject.rfc4514_string()


def line_of(
    certificate: x509.Certificate,
    at: datetime,
    checker: RevocationChecker | None = None,
    issuer: x509.Certificate | None = None,
) -> CertificateLine:
    """Describe a certificate as it stands ``at`` a moment; revocation where its issuer is given."""
    state, remark = _state(certificate, at, checker, issuer)
    kind = Kind.of(certificate)
    root = certificate.issuer == certificate.subject
    purpose = "trust anchor" if root and kind is Kind.CA else _PURPOSES[kind]
    return CertificateLine(
        fingerprint=fingerprint_sha256(certificate),
        name=name_of(certificate),
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        purpose=purpose,
        usage=_usage(certificate),
        key=_key(certificate),
        keyId=subject_key_id(certificate).hex(),
        root=root,
        ca=kind is Kind.CA,
        validFrom=certificate.not_valid_before_utc,
        validTo=certificate.not_valid_after_utc,
        state=state,
        remark=remark,
        certificate=certificate,
    )


async def describe_chain(
    chain: Sequence[x509.Certificate], at: datetime, revocations: RevocationSource
) -> list[CertificateLine]:
    """Describe a chain, leaf first; each certificate but the last is judged with the next as its issuer."""
    if not chain:
        return []
    checker = await revocations.checker(chain[:-1]) if len(chain) > 1 else None
    above: Iterable[x509.Certificate | None] = [*chain[1:], None]
    return [
        line_of(certificate, at, checker, issuer) for certificate, issuer in zip(chain, above, strict=True)
    ]


def under_root(
    chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate]
) -> Sequence[x509.Certificate]:
    """Return a chain with the one of ``roots`` that it ends at, as it is when none does."""
    for root in roots:
        if root.subject == chain[-1].issuer and root != chain[-1]:
            return [*chain, root]
    return chain


def _state(
    certificate: x509.Certificate,
    at: datetime,
    checker: RevocationChecker | None,
    issuer: x509.Certificate | None,
) -> tuple[str, str]:
    if checker is not None and issuer is not None:
        try:
            checker.check(certificate, issuer, at)
        except CertificateError as error:
            if error.rule is Rule.REVOKED:
                return "revoked", error.detail
    if at < certificate.not_valid_before_utc:
        return "notYetValid", ""
    return ("expired", "") if at > certificate.not_valid_after_utc else ("valid", "")


def _usage(certificate: x509.Certificate) -> list[str]:
    found = []
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        found += [words for attribute, words in _USAGES if getattr(usage, attribute)]
    except x509.ExtensionNotFound:
        pass
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        found += [_EXTENDED.get(usage, usage.dotted_string) for usage in extended]
    except x509.ExtensionNotFound:
        pass
    return found


def _key(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    return (
        key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__.strip("_")
    ).removesuffix("PublicKey")
