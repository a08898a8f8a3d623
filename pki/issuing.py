"""Issue certificates after a profile.

:func:`issue` is what everyone calls. Underneath, :func:`draft` writes down everything that a certificate
will say as one plain value, a :class:`Draft`, and :meth:`Draft.sign` turns that into a certificate.
:mod:`pki.defects` changes single fields of drafts to make certificates with exactly one fault.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from pki.entropy import Entropy, deterministic_ecdsa
from pki.errors import CertificateError, Rule
from pki.keys import ALTERNATE_KEY, PrivateKey, PublicKey, SigningKey, new_key, type_name
from pki.profiles import KeyUse, Profile

DEFAULT_ORGANIZATION = "PnC Lab"

_SERIAL_BYTES = 16
_MAX_ORGANIZATION = 64  # RFC 5280 appendix A; the library does not check this one


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate under its name in the hierarchy, with its key when we own it."""

    name: str
    certificate: x509.Certificate
    key: PrivateKey | None = None

    @property
    def subject(self) -> str:
        """The subject as an RFC 4514 string."""
        return self.certificate.subject.rfc4514_string()

    def private_key(self) -> PrivateKey:
        """Return the private key; raises ValueError when this identity has none."""
        if self.key is None:
            raise ValueError(f"the private key of {self.name} is not here")
        return self.key

    def signer(self) -> SigningKey:
        """Return the private key to sign with; raises ValueError when there is none, or it is X448."""
        key = self.private_key()
        if not isinstance(key, SigningKey):
            raise ValueError(f"the {type_name(key)} key of {self.name} cannot sign")  # noqa: TRY004 - see above
        return key

    def signing_key(self) -> ec.EllipticCurvePrivateKey:
        """Return the private key where it can only be one of ECDSA; raises ValueError as :meth:`signer`.

        So it is in ISO 15118-2 and the first suite of -20. Code for all suites calls :meth:`signer`.
        """
        key = self.private_key()
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"the {type_name(key)} key of {self.name} is none of ECDSA")  # noqa: TRY004 - see above
        return key

    def __repr__(self) -> str:
        """Return name and subject, and whether the key is there: never the key."""
        return f"<Identity {self.name}: {self.subject}{', with key' if self.key else ''}>"


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that a certificate will say, before it is signed."""

    subject: x509.Name
    issuer: x509.Name
    public_key: PublicKey
    serial: int
    not_before: datetime
    not_after: datetime
    ca: bool
    path_length: int | None
    key_usage: frozenset[KeyUse]
    subject_key_id: bytes
    authority_key_id: bytes
    signature_hash: hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    def sign(self, key: SigningKey) -> x509.Certificate:
        """Return the certificate, signed with the issuer's ``key``.

        The ECDSA nonce is derived from key and content (RFC 6979) where the linked OpenSSL can do that,
        so that a seeded run gives the same bytes every time.
        """
        uses = {use.value: use in self.key_usage for use in KeyUse}
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(self.issuer)
            .public_key(self.public_key)
            .serial_number(self.serial)
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
            .add_extension(x509.BasicConstraints(self.ca, self.path_length), critical=True)
            .add_extension(
                x509.KeyUsage(**uses, data_encipherment=False, encipher_only=False, decipher_only=False),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier(self.subject_key_id), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier(self.authority_key_id, None, None), critical=False)
        )
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical=critical)
        deterministic = None if isinstance(key, ed448.Ed448PrivateKey) else deterministic_ecdsa()
        return builder.sign(key, self.signature_hash, ecdsa_deterministic=deterministic)


def draft(
    profile: Profile,
    *,
    common_name: str,
    public_key: PublicKey,
    issuer: Identity | None,
    now: datetime,
    entropy: Entropy,
    organization: str | None = None,
    country: str | None = None,
    validity: timedelta | None = None,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    alternate_key: PublicKey | None = None,
) -> Draft:
    """Write down a certificate after ``profile``; parameters as for :func:`issue`."""
    if now.tzinfo is None:
        raise ValueError("now must carry a time zone")
    start = now.astimezone(UTC).replace(microsecond=0)
    end = start + (profile.validity if validity is None else validity)
    key_id = _key_id(public_key, profile.ski_bytes)
    if issuer is None:
        organization = DEFAULT_ORGANIZATION if organization is None else organization
        issuer_name, authority_key_id = None, key_id
        signature_hash = profile.key_type.signature_hash
    else:
        authority = issuer.certificate
        organization = _organization_of(authority) if organization is None else organization
        issuer_name, authority_key_id = authority.subject, _subject_key_id(authority)
        signature_hash = _hash_for(issuer.signer())
        end = min(end, authority.not_valid_after_utc)
    subject = _subject(common_name, organization, country, profile.domain)
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if profile.purposes:
        extensions.append(
            (x509.ExtendedKeyUsage(sorted(profile.purposes, key=lambda use: use.dotted_string)), False)
        )
    if alternate_key is not None:
        info = alternate_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        extensions.append((x509.UnrecognizedExtension(ALTERNATE_KEY, info), False))
    if crl_url is not None:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl_url)], None, None, None)
        extensions.append((x509.CRLDistributionPoints([point]), False))
    if ocsp_url is not None:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp_url)
        )
        extensions.append((x509.AuthorityInformationAccess([access]), False))
    return Draft(
        subject=subject,
        issuer=issuer_name or subject,
        public_key=public_key,
        serial=_serial(entropy),
        not_before=start,
        not_after=end,
        ca=profile.ca,
        path_length=profile.path_length,
        key_usage=profile.key_usage,
        subject_key_id=key_id,
        authority_key_id=authority_key_id,
        signature_hash=signature_hash,
        extensions=tuple(extensions),
    )


def issue(
    profile: Profile,
    *,
    common_name: str,
    public_key: PublicKey,
    issuer: Identity | None,
    now: datetime,
    entropy: Entropy,
    key: SigningKey | None = None,
    organization: str | None = None,
    country: str | None = None,
    validity: timedelta | None = None,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    alternate_key: PublicKey | None = None,
) -> x509.Certificate:
    """Return a certificate for ``public_key`` after ``profile``.

    ``issuer`` signs; None makes the certificate self-signed with ``key``, which must then be given.
    It is valid from ``now`` (a time with zone; cut to the second) for ``validity`` or the profile's
    time, but never longer than its issuer. ``organization`` defaults to the issuer's. ``crl_url`` and
    ``ocsp_url`` say where revocation can be asked for; they cost about 60 bytes each of the profile's limit. ``alternate_key`` is a second key
    that the certificate carries (:data:`pki.keys.ALTERNATE_KEY`).

    Raises :class:`CertificateError` with ``TOO_LARGE`` when the result exceeds the profile's size and with
    ``WRONG_KEY_TYPE`` when ``public_key`` is on another curve, with ``EXPIRED`` when its issuer has ended;
    ValueError for a name that X.509 cannot hold.
    """
    plan = draft(
        profile,
        common_name=common_name,
        public_key=public_key,
        issuer=issuer,
        now=now,
        entropy=entropy,
        organization=organization,
        country=country,
        validity=validity,
        crl_url=crl_url,
        ocsp_url=ocsp_url,
        alternate_key=alternate_key,
    )
    subject = plan.subject.rfc4514_string()
    if (found := type_name(public_key)) != profile.key_type:
        raise CertificateError(Rule.WRONG_KEY_TYPE, subject, f"a {found} key, expected {profile.key_type}")
    if plan.not_after <= plan.not_before:
        detail = f"would end at {plan.not_after.isoformat()} with its issuer, before it begins"
        raise CertificateError(Rule.EXPIRED, subject, detail)
    signer = issuer.signer() if issuer is not None else key
    if signer is None:
        raise ValueError("a self-signed certificate needs its key")
    certificate = plan.sign(signer)
    size = len(certificate.public_bytes(Encoding.DER))
    if size > profile.max_der:
        raise CertificateError(
            Rule.TOO_LARGE, subject, f"{size} bytes, at most {profile.max_der} fit a message"
        )
    return certificate


def new_identity(
    profile: Profile,
    *,
    common_name: str,
    issuer: Identity | None,
    now: datetime,
    entropy: Entropy,
    organization: str | None = None,
    country: str | None = None,
    validity: timedelta | None = None,
    crl_url: str | None = None,
    ocsp_url: str | None = None,
    alternate_key: PublicKey | None = None,
) -> Identity:
    """Make a key and :func:`issue` its certificate in one step."""
    key = new_key(profile.key_type, entropy)
    certificate = issue(
        profile,
        common_name=common_name,
        public_key=key.public_key(),
        issuer=issuer,
        now=now,
        entropy=entropy,
        key=key if isinstance(key, SigningKey) else None,
        organization=organization,
        country=country,
        validity=validity,
        crl_url=crl_url,
        ocsp_url=ocsp_url,
        alternate_key=alternate_key,
    )
    return Identity(profile.name, certificate, key)


def _subject(common_name: str, organization: str, country: str | None, domain: str) -> x509.Name:
    if not 1 <= len(organization) <= _MAX_ORGANIZATION:
        raise ValueError(f"an organization has 1 to {_MAX_ORGANIZATION} characters")
    attributes = [
        x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
    ]
    if country is not None:
        attributes.append(x509.NameAttribute(NameOID.COUNTRY_NAME, country))
    attributes.append(x509.NameAttribute(NameOID.DOMAIN_COMPONENT, domain))
    return x509.Name(attributes)


def _organization_of(certificate: x509.Certificate) -> str:
    values = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(values[0].value) if values else DEFAULT_ORGANIZATION


def _subject_key_id(certificate: x509.Certificate) -> bytes:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _key_id(key: PublicKey, size: int) -> bytes:
    """Return the identifier of a key: SHA-1, or for 8 bytes its last 60 bits after 0100 (RFC 5280 4.2.1.2)."""
    digest = x509.SubjectKeyIdentifier.from_public_key(key).digest
    if size == len(digest):
        return digest
    short = digest[-size:]
    return bytes([short[0] & 0x0F | 0x40]) + short[1:]


def _hash_for(key: SigningKey) -> hashes.SHA256 | hashes.SHA512 | None:
    if isinstance(key, ed448.Ed448PrivateKey):
        return None
    return hashes.SHA256() if key.key_size <= 256 else hashes.SHA512()


def _serial(entropy: Entropy) -> int:
    """Return a positive serial number of 127 random bits, so that it never needs a 17th octet."""
    drawn = int.from_bytes(entropy.bytes(_SERIAL_BYTES), "big")
    return drawn >> 1 | 1 << (8 * _SERIAL_BYTES - 2)
