"""What the car maker makes sure of before a contract goes to a car: all that the car looks at without its key.

The car looks again: it trusts its own V2G roots, and only it can open the envelope. But a bundle that no car
will accept is better refused here, where the operator learns of it.
"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus

from cryptography import x509

from backend_stub.certificates import subject_key_id
from backend_stub.errors import MarketError
from backend_stub.namespaces import Edition
from backend_stub.reading import Bundle, check_form, read_bundle
from backend_stub.suites import of_edition, profile_in, suite_of
from backend_stub.telematics.interface import KnownCar
from pki.chain import validate
from pki.errors import CertificateError, Rule
from v2g.errors import EnvelopeError, SignatureError


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
    document: bytes,
    emaid: str,
    car: KnownCar,
    roots: Sequence[x509.Certificate],
    at: datetime,
    edition: Edition = Edition.ISO2,
) -> Bundle:
    """Return the bundle in ``document`` once it is fit for ``car``; raises RefusedBundleError."""
    try:
        bundle = read_bundle(document, edition)
    except MarketError as error:
        raise RefusedBundleError("document", str(error)) from error
    try:
        anchors = of_edition(roots, edition)
        profile = profile_in(edition, bundle.cps_leaf, "cps_leaf")
        path = validate(bundle.cps_leaf, bundle.cps_sub_cas, anchors, at=at, profile=profile)
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
    above = bundle.contract_sub_cas
    profile = profile_in(bundle.edition, bundle.contract_certificate, "contract")
    try:
        validate(bundle.contract_certificate, above[:-1], above[-1:], at=at, profile=profile)
    except CertificateError as error:
        raise RefusedBundleError(f"contract_certificate.{error.rule}", str(error)) from error
    if 1 + len(above) > profile.max_chain:
        raise RefusedBundleError(
            f"contract_certificate.{Rule.CHAIN_TOO_LONG}", f"{1 + len(above)} certificates"
        )


def _check_envelope(bundle: Bundle) -> None:
    try:
        check_form(bundle.envelope, suite_of(bundle.contract_certificate))
    except EnvelopeError as error:
        raise RefusedBundleError("key_envelope", error.reason) from error
