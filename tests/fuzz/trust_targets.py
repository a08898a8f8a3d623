"""Certificates, signatures and key envelopes: any bytes are refused in the documented way, or are the real ones."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import exi
from exi.errors import ExiError
from pki import chain
from pki.entropy import SeededEntropy
from pki.errors import CertificateError
from pki.issuing import issue
from pki.profiles import CONTRACT, CPS_LEAF, SECC_LEAF
from pki.store import fingerprint_sha256, issuer_serial
from tests.exi.vectors import VECTORS, vector
from tests.fuzz.target import Features, Target, demand, kind_of, value_features
from tests.pki.material import NOW, hierarchy
from v2g.errors import EnvelopeError, SignatureError
from v2g.messages import iso2
from v2g.security.envelope import Envelope, open_iso2, seal_iso2
from v2g.security.signature import (
    SignedRequest,
    bundle_elements,
    request_elements,
    verify,
)

PROFILES = {"secc_leaf": SECC_LEAF, "cps_leaf": CPS_LEAF}


def run_certificate(data: bytes) -> Features:
    """Read a certificate, and try to pass it off as a leaf or a sub-CA certificate of the hierarchy."""
    try:
        certificate = chain.parse(data)
    except CertificateError as error:
        return {f"{error.rule}: {kind_of(error.detail)[:24]}"}
    demand(certificate.public_bytes(Encoding.DER) == data, "DER is read and written the same", data)
    demand(len(fingerprint_sha256(certificate)) == 64, "it has a fingerprint", certificate)
    demand(isinstance(issuer_serial(certificate)[1], int), "it has a serial number", certificate)
    found: Features = {f"key {chain.key_name(certificate)}"}
    try:
        chain.public_key(certificate)
    except CertificateError as error:
        found.add(f"{error.rule}: {kind_of(error.detail)[:24]}")
    known = hierarchy()
    for leaf, profile in PROFILES.items():
        real, *above = known.chain(leaf)
        root = known.root_of(leaf).certificate
        for offered in ([certificate, *above], [real, certificate, above[1]], [real, above[0], certificate]):
            try:
                chain.validate(offered[0], offered[1:], [root], at=NOW, profile=profile)
            except CertificateError as error:
                found.add(f"{profile.name} {error.rule}: {kind_of(error.detail)[:24]}")
            else:
                demand(certificate.tbs_certificate_bytes in real_ones(), "only real ones are trusted", data)
    return found


@cache
def real_ones() -> frozenset[bytes]:
    """Return what is signed of the hierarchy's certificates."""
    return frozenset(identity.certificate.tbs_certificate_bytes for identity in hierarchy().values())


def certificate_seeds() -> Iterable[bytes]:
    """Yield the certificates of a hierarchy, and those in the vectors."""
    for identity in hierarchy().values():
        yield identity.certificate.public_bytes(Encoding.DER)
    yield from (signed().request.oem_provisioning_cert, *_certificates(signed().response))


def _certificates(response: iso2.CertificateInstallationRes) -> Iterable[bytes]:
    for held in (response.sa_provisioning_certificate_chain, response.contract_signature_cert_chain):
        yield held.certificate
        if held.sub_certificates is not None:
            yield from held.sub_certificates.certificate


class Signed(NamedTuple):
    """The signed messages of the vectors, and the keys that they are verified with."""

    request: iso2.CertificateInstallationReq
    response: iso2.CertificateInstallationRes
    oem_key: ec.EllipticCurvePublicKey
    cps_key: ec.EllipticCurvePublicKey


@cache
def signed() -> Signed:
    """Return the signed messages of the vectors."""
    request = _body("iso2_certificate_installation_req")
    response = _body("iso2_certificate_installation_res")
    assert isinstance(request, iso2.CertificateInstallationReq)
    assert isinstance(response, iso2.CertificateInstallationRes)
    return Signed(
        request,
        response,
        chain.public_key(chain.parse(request.oem_provisioning_cert)),
        chain.public_key(chain.parse(response.sa_provisioning_certificate_chain.certificate)),
    )


def _body(name: str) -> object:
    message = exi.decode(vector(name).exi, iso2.SCHEMA)
    assert isinstance(message, iso2.V2G_Message)
    return message.body.body_element


def run_signature(data: bytes) -> Features:
    """Verify what decodes as a signed message: only the elements that were signed pass."""
    try:
        message = exi.decode(data, iso2.SCHEMA)
    except ExiError as error:
        return {kind_of(error.reason)}
    real = signed()
    if not isinstance(message, iso2.V2G_Message):
        return set()
    body, signature = message.body.body_element, message.header.signature
    try:
        if isinstance(body, SignedRequest):
            verify(signature, request_elements(body), real.oem_key, iso2.SCHEMA)
            demand(body == real.request, "only what was signed passes", body)
        elif isinstance(body, iso2.CertificateInstallationRes | iso2.CertificateUpdateRes):
            verify(signature, bundle_elements(body), real.cps_key, iso2.SCHEMA)
            demand(
                bundle_elements(body) == bundle_elements(real.response), "only what was signed passes", body
            )
    except SignatureError as error:
        return {f"{error.reason} {error.reference is None}"}
    return {"passed"} | value_features(signature)


def signature_seeds() -> Iterable[bytes]:
    """Yield the messages of the vectors that carry a signature or could."""
    for found in VECTORS:
        if (
            "certificate_" in found.name
            and found.schema == iso2.SCHEMA.namespace
            and found.kind == "document"
        ):
            yield found.exi


@cache
def envelope() -> tuple[bytes, ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return an envelope, the key that opens it, and the certificate of the key inside."""
    entropy = SeededEntropy(3)
    contract_key, car_key = entropy.ec_key(ec.SECP256R1()), entropy.ec_key(ec.SECP256R1())
    certificate = issue(
        CONTRACT,
        common_name="DE83DUIEN83QGZD",
        public_key=contract_key.public_key(),
        issuer=hierarchy()["mo_sub_ca2"],
        now=NOW,
        entropy=entropy,
    )
    sealed = seal_iso2(contract_key, car_key.public_key(), entropy)
    return sealed.encrypted_private_key + sealed.dh_public_key, car_key, certificate


def run_envelope(data: bytes) -> Features:
    """Open an envelope: what comes out is the certificate's key, or nothing."""
    _, car_key, certificate = envelope()
    try:
        key = open_iso2(Envelope(data[:48], data[48:]), car_key, certificate=certificate)
    except EnvelopeError as error:
        return {f"{error.step}: {kind_of(error.reason)}"}
    demand(key.public_key() == certificate.public_key(), "only the certificate's key comes out", data)
    return {"opened"}


TARGETS = [
    Target("certificate", "DER certificates and chains", run_certificate, certificate_seeds, 900),
    Target("signature", "signed messages", run_signature, signature_seeds, 5000),
    Target("envelope", "key envelopes", run_envelope, lambda: [envelope()[0]], 200),
]
