"""OCSP: ask whether a certificate is revoked, answer, and judge answers [RFC 6960].

The responder's side is :func:`parse_request` (:mod:`pki.ocsp_request`), :class:`Responder` and :func:`refusal`. A request may name any
number of certificates (up to :data:`MAX_IDS`), each by the SHA-1 or SHA-2 hashes of its issuer's name and key; the
answer names them as the request did and repeats its nonce.

The client's side is :func:`build_request` and :class:`OcspChecker`. Who may answer for a CA is the CA itself, or
whoever holds a certificate directly from it for that very purpose (extended key usage OCSPSigning).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki import der
from pki.entropy import Entropy, deterministic_ecdsa
from pki.errors import CertificateError, Rule
from pki.issuing import Identity, draft
from pki.keys import KeyType, new_signing_key, type_name
from pki.names import domain_components
from pki.ocsp_request import (
    HASHES,
    MAX_IDS,
    NONCE,
    CertId,
    OcspRequest,
    OcspRequestError,
    parse_request,
)
from pki.profiles import KeyUse, Profile
from pki.revocation import (
    TOLERANCE,
    UNREADABLE,
    Reason,
    Revoked,
    check_freshness,
    fault,
    revoked,
    signature_hash,
    signed_by,
)

__all__ = [
    "MAX_IDS",
    "Answer",
    "CertId",
    "OcspChecker",
    "OcspRequest",
    "OcspRequestError",
    "Refusal",
    "Responder",
    "build_request",
    "issue_responder",
    "issuer_hashes",
    "parse_request",
    "refusal",
]

RESPONDER_VALIDITY = timedelta(days=30)

_BASIC = bytes.fromhex("06092b0601050507300101")
_ECDSA = {
    "sha256": bytes.fromhex("300a06082a8648ce3d040302"),
    "sha512": bytes.fromhex("300a06082a8648ce3d040304"),
}
_ED448 = bytes.fromhex("300506032b6571")


class Refusal(IntEnum):
    """Why a responder does not answer [RFC 6960 4.2.1]."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one certificate: ``known`` is False when the CA never issued it."""

    id: CertId
    known: bool = True
    revoked: Revoked | None = None


def refusal(reason: Refusal) -> bytes:
    """Return the answer that refuses to answer. It is not signed."""
    return der.write(der.SEQUENCE, der.write(der.ENUMERATED, bytes([reason])))


def issuer_hashes(issuer: x509.Certificate) -> Sequence[tuple[str, bytes, bytes]]:
    """Return what a CertID may say of ``issuer``, once for each hash algorithm."""
    name, key = issuer.subject.public_bytes(), _key_bits(issuer)
    return [
        (algorithm, hashlib.new(algorithm, name).digest(), hashlib.new(algorithm, key).digest())
        for algorithm in HASHES.values()
    ]


class Responder:
    """Signs answers for one CA.

    ``identity`` is the CA itself, or one that :func:`issue_responder` made: its certificate then travels with
    each answer.
    """

    def __init__(self, issuer: x509.Certificate, identity: Identity) -> None:
        key = identity.signer()
        certificate = identity.certificate
        self._key = key
        self._hash = signature_hash(key)
        self._algorithm = _ED448 if self._hash is None else _ECDSA[self._hash.name]
        key_hash = hashlib.sha1(_key_bits(certificate)).digest()  # noqa: S324 - its id is defined so
        self._id = der.write(der.context(2), der.write(der.OCTET_STRING, key_hash))
        self._certificates = b""
        if certificate != issuer:
            own = certificate.public_bytes(Encoding.DER)
            self._certificates = der.write(der.context(0), der.write(der.SEQUENCE, own))
        self.not_after = certificate.not_valid_after_utc

    def answer(
        self,
        answers: Sequence[Answer],
        *,
        this_update: datetime,
        next_update: datetime,
        nonce: bytes | None = None,
    ) -> bytes:
        """Return the signed answer as DER; ``this_update`` is also when it was produced."""
        singles = [_single(answer, this_update, next_update) for answer in answers]
        extensions = b""
        if nonce is not None:
            extension = der.write(der.SEQUENCE, NONCE, der.write(der.OCTET_STRING, nonce))
            extensions = der.write(der.context(1), der.write(der.SEQUENCE, extension))
        content = der.write(
            der.SEQUENCE,
            self._id,
            der.moment(this_update),
            der.write(der.SEQUENCE, *singles),
            extensions,
        )
        signature = der.write(der.BIT_STRING, b"\0", self._sign(content))
        basic = der.write(der.SEQUENCE, content, self._algorithm, signature, self._certificates)
        wrapped = der.write(der.SEQUENCE, _BASIC, der.write(der.OCTET_STRING, basic))
        return der.write(der.SEQUENCE, der.write(der.ENUMERATED, b"\0"), der.write(der.context(0), wrapped))

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            assert self._hash is not None
            return self._key.sign(content, ec.ECDSA(self._hash, deterministic_signing=deterministic_ecdsa()))
        return self._key.sign(content)


def issue_responder(
    issuer: Identity, *, now: datetime, entropy: Entropy, validity: timedelta = RESPONDER_VALIDITY
) -> Identity:
    """Make a key and a certificate with which to answer for ``issuer``.

    Nobody need ask whether that certificate is revoked itself (``ocsp-nocheck``): it lives shortly instead. It
    begins an hour before ``now``, for clients whose clocks are slow.
    """
    certificate = issuer.certificate
    start = max(now - timedelta(hours=1), certificate.not_valid_before_utc)
    profile = replace(_RESPONDER, domain=next(iter(domain_components(certificate)), _RESPONDER.domain))
    key = new_signing_key(KeyType(type_name(certificate.public_key())), entropy)
    plan = draft(
        profile,
        common_name="OCSP responder",
        public_key=key.public_key(),
        issuer=issuer,
        now=start,
        entropy=entropy,
        validity=now + validity - start,
    )
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
    plan = replace(plan, extensions=((purpose, False), (x509.OCSPNoCheck(), False)))
    return Identity(profile.name, plan.sign(issuer.signer()), key)


def build_request(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    *,
    nonce: bytes | None = None,
    algorithm: hashes.SHA1 | hashes.SHA256 | None = None,
) -> bytes:
    """Return the question about one certificate as DER. SHA-1 is what every responder understands."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate,
        issuer,
        algorithm or hashes.SHA1(),  # noqa: S303 - a name for the issuer, not a signature
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


class OcspChecker:
    """Judges certificates by OCSP answers.

    ``nonce`` is what the request carried: an answer with another one is refused, one without only when
    ``require_nonce`` (many responders answer from a cache, which has none).
    """

    def __init__(
        self, answers: Sequence[bytes], *, nonce: bytes | None = None, require_nonce: bool = False
    ) -> None:
        self._answers = answers
        self._nonce = nonce
        self._require_nonce = require_nonce

    def check(self, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> None:
        """See :class:`pki.revocation.RevocationChecker`.

        STATUS_UNKNOWN: the responder refused, or does not know the certificate; STATUS_UNTRUSTED: the answer is
        garbled, about another certificate, or signed by somebody who may not; STATUS_STALE: it is out of date.
        """
        problem = fault(Rule.STATUS_UNKNOWN, certificate, "there is no OCSP answer about it")
        for data in self._answers:
            try:
                self._judge(data, certificate, issuer, at)
            except CertificateError as error:
                if error.rule is Rule.REVOKED:
                    raise
                problem = error
            else:
                return
        raise problem

    def _judge(
        self, data: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
    ) -> None:
        try:
            response = ocsp.load_der_ocsp_response(data)
            if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                status = response.response_status.name.lower()
                raise fault(Rule.STATUS_UNKNOWN, certificate, f"the responder answered {status}")
            self._check_nonce(response, certificate)
            _check_signer(response, certificate, issuer, at)
            single = _find(response, certificate, issuer)
            this_update, next_update = single.this_update_utc, single.next_update_utc
            state, reason = single.certificate_status, single.revocation_reason
            since = single.revocation_time_utc
        except UNREADABLE as error:
            raise fault(Rule.STATUS_UNTRUSTED, certificate, f"the OCSP answer is garbled: {error}") from error
        check_freshness(certificate, this_update, next_update, at)
        if state is ocsp.OCSPCertStatus.REVOKED:
            raise revoked(certificate, Revoked(since or this_update, _reason(reason)))
        if state is not ocsp.OCSPCertStatus.GOOD:
            raise fault(Rule.STATUS_UNKNOWN, certificate, "the responder does not know this certificate")

    def _check_nonce(self, response: ocsp.OCSPResponse, certificate: x509.Certificate) -> None:
        if self._nonce is None:
            return
        try:
            nonce = response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        except x509.ExtensionNotFound:
            if self._require_nonce:
                raise fault(Rule.STATUS_UNTRUSTED, certificate, "the answer repeats no nonce") from None
            return
        if nonce != self._nonce:
            raise fault(
                Rule.STATUS_UNTRUSTED, certificate, "the answer is to another question: its nonce differs"
            )


# One for all CAs; the domain component becomes that of the CA it answers for.
_RESPONDER = Profile(
    name="ocsp_responder",
    purpose="answers for a CA which certificates are revoked",
    domain="V2G",
    key_usage=frozenset({KeyUse.DIGITAL_SIGNATURE}),
    required_key_usage=frozenset({KeyUse.DIGITAL_SIGNATURE}),
    validity=RESPONDER_VALIDITY,
    issuer=None,
)


def _single(answer: Answer, this_update: datetime, next_update: datetime) -> bytes:
    if not answer.known:
        status = der.write(der.context(2, constructed=False))
    elif answer.revoked is None:
        status = der.write(der.context(0, constructed=False))
    else:
        reason = b""
        if answer.revoked.reason is not Reason.UNSPECIFIED:
            reason = der.write(der.context(0), der.write(der.ENUMERATED, bytes([answer.revoked.reason.code])))
        status = der.write(der.context(1), der.moment(answer.revoked.at), reason)
    until = der.write(der.context(0), der.moment(next_update))
    return der.write(der.SEQUENCE, answer.id.encoded, status, der.moment(this_update), until)


def _find(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    names: dict[str, tuple[bytes, bytes]] = {name: (a, b) for name, a, b in issuer_hashes(issuer)}
    for single in response.responses:
        if single.serial_number == certificate.serial_number:
            wanted = names.get(single.hash_algorithm.name)
            if wanted == (single.issuer_name_hash, single.issuer_key_hash):
                return single
    raise fault(Rule.STATUS_UNTRUSTED, certificate, "the OCSP answer is about another certificate")


def _check_signer(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime
) -> None:
    """Find who signed the answer, and whether they may [RFC 6960 4.2.2.2]."""
    try:
        algorithm = response.signature_hash_algorithm
    except UNREADABLE:
        algorithm = None
    for candidate in (issuer, *response.certificates):
        if signed_by(candidate, response.signature, response.tbs_response_bytes, algorithm):
            break
    else:
        raise fault(
            Rule.STATUS_UNTRUSTED, certificate, "the OCSP answer is not signed by its issuer or a delegate"
        )
    if candidate is issuer:
        return
    try:
        candidate.verify_directly_issued_by(issuer)
        purposes = candidate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, x509.ExtensionNotFound, *UNREADABLE) as error:
        raise fault(
            Rule.STATUS_UNTRUSTED,
            certificate,
            "the responder's certificate is not from the same issuer, or not for this",
        ) from error
    if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        raise fault(Rule.STATUS_UNTRUSTED, certificate, "the responder's certificate is not for OCSP")
    if not candidate.not_valid_before_utc - TOLERANCE <= at <= candidate.not_valid_after_utc + TOLERANCE:
        raise fault(Rule.STATUS_UNTRUSTED, certificate, "the responder's certificate is not valid now")


def _reason(flag: x509.ReasonFlags | None) -> Reason:
    try:
        return Reason.UNSPECIFIED if flag is None else Reason(flag.value)
    except ValueError:
        return Reason.UNSPECIFIED


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the bits of the public key, without the algorithm and the count of unused bits."""
    info = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der.elements(der.only(info, der.SEQUENCE, "SubjectPublicKeyInfo"))[1][1][1:]
