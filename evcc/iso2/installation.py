"""Certificate installation and update in ISO 15118-2: what the car asks for, and the examination of the answer.

See :mod:`evcc.examination` for the checks and their order.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from evcc.config import CheckDigit
from evcc.contracts import Contract
from evcc.examination import Examiner
from pki.chain import public_key
from pki.names import issuer_serial
from pki.profiles import Edition
from v2g.messages import iso2, xmldsig
from v2g.security.envelope import Envelope, open_iso2
from v2g.security.signature import (
    sign_certificate_installation_req,
    sign_certificate_update_req,
    verify_certificate_installation_res,
)
from v2g.trace import Tracer

REQUEST_ID = "id1"


def build_request(
    certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, roots: Sequence[x509.Certificate]
) -> tuple[iso2.CertificateInstallationReq, xmldsig.Signature]:
    """Return the request and its signature, made with the provisioning key.

    It names the V2G roots that this car holds, so that a provisioning service under one of them answers.
    """
    request = iso2.CertificateInstallationReq(
        id=REQUEST_ID,
        oem_provisioning_cert=certificate.public_bytes(Encoding.DER),
        list_of_root_certificate_ids=_identifiers(roots),
    )
    return request, sign_certificate_installation_req(request, key)


def build_update(
    old: Contract, roots: Sequence[x509.Certificate]
) -> tuple[iso2.CertificateUpdateReq, xmldsig.Signature]:
    """Return the request for the successor of a contract, and its signature, made with the contract's key."""
    request = iso2.CertificateUpdateReq(
        id=REQUEST_ID,
        contract_signature_cert_chain=chain_of(old),
        emaid=old.emaid,
        list_of_root_certificate_ids=_identifiers(roots),
    )
    return request, sign_certificate_update_req(request, old.ecdsa_key)


def chain_of(contract: Contract) -> iso2.CertificateChain:
    """Return a contract's certificates as messages carry them: leaf, sub-CA 2, sub-CA 1."""
    above = [certificate.public_bytes(Encoding.DER) for certificate in contract.sub_certificates]
    return iso2.CertificateChain(
        certificate=contract.certificate.public_bytes(Encoding.DER),
        sub_certificates=iso2.SubCertificates(certificate=above) if above else None,
    )


def _identifiers(roots: Sequence[x509.Certificate]) -> iso2.ListOfRootCertificateIDs:
    return iso2.ListOfRootCertificateIDs(
        root_certificate_id=[
            xmldsig.X509IssuerSerial(x509_issuer_name=name, x509_serial_number=serial)
            for name, serial in map(issuer_serial, roots)
        ]
    )


def examine(
    response: iso2.CertificateInstallationRes | iso2.CertificateUpdateRes,
    signature: xmldsig.Signature | None,
    *,
    key: ec.EllipticCurvePrivateKey,
    roots: Sequence[x509.Certificate],
    at: datetime,
    check_digit: CheckDigit,
    tracer: Tracer,
) -> Contract:
    """Return the delivered contract with its decrypted key, or raise :class:`InstallationError`.

    ``key`` is the provisioning key, or for an update that of the old contract; ``roots`` are the V2G roots of the car, ``at`` is the time to judge
    validity at. That the key is the certificate's is [V2G2-823].
    """
    examiner = Examiner(Edition.ISO2, roots, at, check_digit, tracer)
    provider = examiner.provider(_chain(response.sa_provisioning_certificate_chain))
    examiner.signature(
        signature, lambda: verify_certificate_installation_res(signature, response, public_key(provider))
    )
    certificate, sub_certificates = examiner.contract_chain(_chain(response.contract_signature_cert_chain))
    emaid = examiner.emaid(certificate, response.emaid.value)
    envelope = Envelope(response.contract_signature_encrypted_private_key.value, response.dh_public_key.value)
    contract_key = examiner.key(lambda: open_iso2(envelope, key, certificate=certificate))
    return Contract(emaid, certificate, sub_certificates, contract_key)


def _chain(chain: iso2.CertificateChain) -> list[bytes]:
    """Return a chain in wire order: leaf, sub-CA 2, sub-CA 1."""
    above = chain.sub_certificates.certificate if chain.sub_certificates is not None else []
    return [chain.certificate, *above]
