"""Certificate installation: what the car asks for, and what it makes sure of before it believes the answer.

:func:`examine` goes from the outside inwards, as the standard's order of trust does: whose provisioning
service signed this and do we trust it, did it sign exactly this, is that a sound contract, and last, is the
private key in the envelope the one of the certificate [V2G2-823]. The first thing that is wrong has a name
of its own (:class:`evcc.errors.InstallationFault`), and nothing is kept of an answer that fails.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from evcc.config import CheckDigit
from evcc.contracts import Contract, emaid_of
from evcc.errors import InstallationError, InstallationFault
from pki import profiles
from pki.chain import parse, public_key, validate
from pki.errors import CertificateError, Rule
from pki.names import issuer_serial
from v2g.errors import EnvelopeError, IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import iso2, xmldsig
from v2g.security.envelope import Envelope, open_iso2
from v2g.security.signature import (
    sign_certificate_installation_req,
    verify_certificate_installation_res,
)
from v2g.trace import Tracer

REQUEST_ID = "id1"

_ENVELOPE_FAULTS = {
    "scalar": InstallationFault.KEY_OUT_OF_RANGE,
    "key_match": InstallationFault.KEY_MISMATCH,
}


def build_request(
    certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, roots: Sequence[x509.Certificate]
) -> tuple[iso2.CertificateInstallationReq, xmldsig.Signature]:
    """Return the request and its signature, made with the provisioning key.

    It names the V2G roots that this car holds, so that a provisioning service under one of them answers.
    """
    identifiers = [issuer_serial(root) for root in roots]
    request = iso2.CertificateInstallationReq(
        id=REQUEST_ID,
        oem_provisioning_cert=certificate.public_bytes(Encoding.DER),
        list_of_root_certificate_ids=iso2.ListOfRootCertificateIDs(
            root_certificate_id=[
                xmldsig.X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)
                for name, serial in identifiers
            ]
        ),
    )
    return request, sign_certificate_installation_req(request, key)


def examine(
    response: iso2.CertificateInstallationRes,
    signature: xmldsig.Signature | None,
    *,
    key: ec.EllipticCurvePrivateKey,
    roots: Sequence[x509.Certificate],
    at: datetime,
    check_digit: CheckDigit,
    tracer: Tracer,
) -> Contract:
    """Return the delivered contract with its decrypted key, or raise :class:`InstallationError`.

    ``key`` is the provisioning key, ``roots`` are the V2G roots of the car, ``at`` is the time to judge
    validity at.
    """
    provider = _provider(response.sa_provisioning_certificate_chain, roots, at, tracer)
    _check_signature(response, signature, provider, tracer)
    certificate, sub_certificates = _contract_chain(response.contract_signature_cert_chain, at, tracer)
    emaid = _emaid(response.emaid.value, certificate, check_digit, tracer)
    envelope = Envelope(response.contract_signature_encrypted_private_key.value, response.dh_public_key.value)
    try:
        contract_key = open_iso2(envelope, key, certificate=certificate)
    except EnvelopeError as error:
        fault = _ENVELOPE_FAULTS.get(error.step, InstallationFault.KEY_ENVELOPE)
        raise InstallationError(fault, f"{error.step}: {error.reason}") from error
    return Contract(emaid, certificate, sub_certificates, contract_key)


def _provider(
    chain: iso2.CertificateChain, roots: Sequence[x509.Certificate], at: datetime, tracer: Tracer
) -> x509.Certificate:
    """Return the certificate of the provisioning service, which a V2G root of the car must vouch for."""
    try:
        leaf, *above = _certificates(chain)
        validate(leaf, above, roots, at=at, profile=profiles.CPS_LEAF)
    except CertificateError as error:
        raise _refused(InstallationFault.CPS_CERTIFICATE, error, tracer) from error
    return leaf


def _check_signature(
    response: iso2.CertificateInstallationRes,
    signature: xmldsig.Signature | None,
    provider: x509.Certificate,
    tracer: Tracer,
) -> None:
    """Check that the service signed certificate chain, key, DH key and eMAID: these four and no more."""
    try:
        verify_certificate_installation_res(signature, response, public_key(provider))
    except SignatureError as error:
        tracer.event("signature.failed", what="CertificateInstallationRes", reason=str(error))
        raise InstallationError(InstallationFault.SIGNATURE, str(error)) from error
    references = [reference.uri for reference in signature.signed_info.reference] if signature else []
    tracer.event("signature.verified", what="CertificateInstallationRes", references=references)


def _contract_chain(
    chain: iso2.CertificateChain, at: datetime, tracer: Tracer
) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """Return the contract certificate and the sub-CAs above it, once they hang together.

    The car holds no root of mobility operators: it trusts the provisioning service to have looked. What it
    can check is that the delivered chain is one, up to the topmost sub-CA, and that it is valid now; a
    charger would only refuse it otherwise.
    """
    try:
        leaf, *above = _certificates(chain)
        _check_shape(leaf, above)
        validate(leaf, above[:-1], above[-1:], at=at, profile=profiles.CONTRACT)
    except CertificateError as error:
        raise _refused(InstallationFault.CONTRACT_CERTIFICATE, error, tracer) from error
    return leaf, tuple(above)


def _check_shape(leaf: x509.Certificate, above: Sequence[x509.Certificate]) -> None:
    """Refuse what only a check against the root would find: a chain too long, or the root in it."""
    most = profiles.CONTRACT.max_chain
    if 1 + len(above) > most:
        detail = f"{1 + len(above)} certificates, at most {most} allowed"
        raise CertificateError(Rule.CHAIN_TOO_LONG, leaf.subject.rfc4514_string(), detail)
    for authority in above:
        if authority.issuer == authority.subject:
            detail = "a root has no place among the sub-CA certificates"
            raise CertificateError(Rule.UNEXPECTED_CERTIFICATE, authority.subject.rfc4514_string(), detail)


def _emaid(announced: str, certificate: x509.Certificate, check_digit: CheckDigit, tracer: Tracer) -> str:
    """Return the eMAID, which must be one and the same in the message and in the certificate."""
    try:
        certified = emaid_of(certificate)
    except CertificateError as error:
        raise _refused(InstallationFault.CONTRACT_CERTIFICATE, error, tracer) from error
    try:
        expected = Emaid.parse(announced, check=False)
    except IdentifierError as error:
        raise InstallationError(InstallationFault.EMAID_SYNTAX, str(error)) from error
    if not _names(certified, expected):
        detail = f"the message says {announced}, the contract certificate {certified}"
        raise InstallationError(InstallationFault.EMAID_MISMATCH, detail)
    if check_digit is CheckDigit.REQUIRE:
        try:
            Emaid.parse(announced)
            Emaid.parse(certified)
        except IdentifierError as error:
            raise InstallationError(InstallationFault.EMAID_CHECK_DIGIT, str(error)) from error
    return certified


def _names(text: str, emaid: Emaid) -> bool:
    try:
        return Emaid.parse(text, check=False) == emaid
    except IdentifierError:
        return False


def _certificates(chain: iso2.CertificateChain) -> list[x509.Certificate]:
    """Return the certificates of a chain in wire order: leaf, sub-CA 2, sub-CA 1."""
    above = chain.sub_certificates.certificate if chain.sub_certificates is not None else []
    return [parse(der) for der in (chain.certificate, *above)]


def _refused(fault: InstallationFault, error: CertificateError, tracer: Tracer) -> InstallationError:
    tracer.event("certificate.rejected", rule=error.rule, subject=error.subject, detail=error.detail)
    return InstallationError(fault, str(error), error.rule)
