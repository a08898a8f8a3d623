"""What the car maker makes sure of before a contract goes to a car: all that the car looks at without its key.

The car looks again: it trusts its own V2G roots, and only it can open the envelope. But a bundle that no car
will accept is better refused here, where the operator learns of it.
"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.certificates import subject_key_id
from backend_stub.errors import MarketError
from backend_stub.reading import Bundle, read_bundle
from backend_stub.telematics.interface import KnownCar
from pki.chain import parse, validate
from pki.errors import CertificateError, Rule
from pki.profiles import CONTRACT, CPS_LEAF
from v2g.errors import SignatureError

_SEALED_KEY_BYTES = 48


class RefusedBundleError(Exception):
    """A bundle is not passed on: ``reason`` is a word as the car has them, ``detail`` a sentence.

    ``status`` is how a webhook is answered: 400 for a bundle that is wrong, 409 for one that does not fit.
    """

    def __init__(self, reason: str, detail: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.status = status


def check(
    document: bytes, emaid: str, car: KnownCar, roots: Sequence[x509.Certificate], at: datetime
) -> Bundle:
    """Return the bundle in ``document`` once it is fit for ``car``; raises RefusedBundleError."""
    try:
        bundle = read_bundle(document)
    except MarketError as error:
        raise RefusedBundleError("document", str(error)) from error
    try:
        path = validate(bundle.cps_leaf, bundle.cps_sub_cas, roots, at=at, profile=CPS_LEAF)
    except CertificateError as error:
        raise RefusedBundleError(f"cps_certificate.{error.rule}", str(error)) from error
    try:
        bundle.verify_signature()
    except SignatureError as error:
        raise RefusedBundleError("signature", str(error)) from error
    _check_contract_chain(bundle, at)
    if bundle.emaid != emaid:
        raise RefusedBundleError("emaid_mismatch", f"the bundle is for contract {bundle.emaid}, not {emaid}")
    _check_envelope(bundle)
    held = car.v2g_root_key_ids
    if held and subject_key_id(path[-1]) not in held:
        name = path[-1].subject.rfc4514_string()
        raise RefusedBundleError(
            "v2g_root_not_held", f"signed under {name}, which the car does not hold", HTTPStatus.CONFLICT
        )
    return bundle


def _check_contract_chain(bundle: Bundle, at: datetime) -> None:
    """Check that the operator's chain is one, up to the topmost sub-CA, as far as a car can tell."""
    sub_certificates = bundle.body.contract_signature_cert_chain.sub_certificates
    try:
        above = [parse(data) for data in (sub_certificates.certificate if sub_certificates else [])]
        validate(bundle.contract_certificate, above[:-1], above[-1:], at=at, profile=CONTRACT)
    except CertificateError as error:
        raise RefusedBundleError(f"contract_certificate.{error.rule}", str(error)) from error
    if 1 + len(above) > CONTRACT.max_chain:
        raise RefusedBundleError(
            f"contract_certificate.{Rule.CHAIN_TOO_LONG}", f"{1 + len(above)} certificates"
        )


def _check_envelope(bundle: Bundle) -> None:
    sealed = bundle.body.contract_signature_encrypted_private_key.value
    if len(sealed) != _SEALED_KEY_BYTES:
        raise RefusedBundleError(
            "key_envelope", f"the sealed key has {len(sealed)} bytes, not {_SEALED_KEY_BYTES}"
        )
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bundle.body.dh_public_key.value)
    except ValueError:
        raise RefusedBundleError("key_envelope", "the DH public key is no point of secp256r1") from None
