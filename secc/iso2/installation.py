"""Handlers for CertificateInstallation and CertificateUpdate: the charger stands between car and market.

It looks at the request itself first, because a request that is wrong need not cost the backend's time, and
passes it on as it came. The answer is forwarded byte for byte, unless it cannot be what the car asked for.
"""

import functools
import logging
from collections.abc import Mapping
from types import MappingProxyType

from exi.schema import XsdType
from pki import chain
from pki.errors import CertificateError
from pki.profiles import CONTRACT
from secc.errors import BundleError, BundleFailure
from secc.identification import check_validity, contract_of
from secc.iso2 import bundle
from secc.iso2.context import Iso2Context as Context
from secc.iso2.identification import check_signature, reject
from secc.iso2.states import State
from secc.sources import Bundles, BundleSource, Wanted
from secc.table import Errand, Refusal, Reply, Request
from v2g.errors import IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import iso2
from v2g.messages.iso2 import ResponseCode

_log = logging.getLogger("secc")

CODES: Mapping[BundleFailure, ResponseCode] = MappingProxyType(
    {
        BundleFailure.LATE: ResponseCode.FAILED,
        BundleFailure.DOWN: ResponseCode.FAILED,
        BundleFailure.REFUSED: ResponseCode.FAILED,
        BundleFailure.GARBLED: ResponseCode.FAILED,
        BundleFailure.NOT_FOUND: ResponseCode.FAILED_NoCertificateAvailable,
        BundleFailure.UNKNOWN_PROVIDER: ResponseCode.FAILED_NoCertificateAvailable,
        BundleFailure.SIGNATURE: ResponseCode.FAILED_SignatureError,
        BundleFailure.CHAIN: ResponseCode.FAILED_CertChainError,
        BundleFailure.CHAIN_EXPIRED: ResponseCode.FAILED_CertificateExpired,
        BundleFailure.CHAIN_NOT_YET_VALID: ResponseCode.FAILED_CertificateExpired,
        BundleFailure.REVOKED: ResponseCode.FAILED_CertificateRevoked,
    }
)
"""The response code for each way in which the backend can fail to deliver."""


def certificate_installation(
    request: Request[iso2.CertificateInstallationReq], context: Context
) -> Errand[Bundles] | Refusal:
    """Check the request with the certificate in it, and fetch the bundle within the performance time.

    The chain above the car's certificate does not travel with the request; the backend has it, and judges
    it.
    """
    charger = context.charger
    source = charger.source
    if source is None or not charger.installs:
        return Refusal(ResponseCode.FAILED_NoCertificateAvailable, "no contracts are installed here")
    try:
        car = chain.parse(request.body.oem_provisioning_cert)
        key = chain.public_key(car)
        check_signature(request, "CertificateInstallationReq", request.body.id, key, context)
        check_validity(car, charger.clock.now())
    except CertificateError as error:
        return reject(error, context)
    except SignatureError as error:
        return Refusal(ResponseCode.FAILED_SignatureError, str(error))
    return _errand(request, context, source, iso2.CertificateInstallationRes)


def certificate_update(
    request: Request[iso2.CertificateUpdateReq], context: Context
) -> Errand[Bundles] | Refusal:
    """Check the request with the contract that is to be replaced, and fetch its successor.

    The contract has to stand as for charging: its chain leads to a root of a mobility operator, it is valid now,
    and its key has signed the request. The answer is sealed for that key.
    """
    charger = context.charger
    source = charger.source
    if source is None or not charger.updates:
        return Refusal(ResponseCode.FAILED_NoCertificateAvailable, "no contracts are updated here")
    chain_ = request.body.contract_signature_cert_chain
    try:
        contract = contract_of(
            chain_.certificate,
            chain_.sub_certificates.certificate if chain_.sub_certificates else [],
            charger.trust.mo,
            at=charger.clock.now(),
            profile=CONTRACT,
        )
        claimed = str(Emaid.parse(request.body.emaid, check=False))
        check_signature(request, "CertificateUpdateReq", request.body.id, contract.key, context)
    except CertificateError as error:
        return reject(error, context)
    except IdentifierError as error:
        return Refusal(ResponseCode.FAILED, str(error))
    except SignatureError as error:
        return Refusal(ResponseCode.FAILED_SignatureError, str(error))
    if claimed != contract.emaid:
        reason = f"eMAID {claimed} in the request, {contract.emaid} in the certificate"
        return Refusal(ResponseCode.FAILED, reason)
    return _errand(request, context, source, iso2.CertificateUpdateRes)


def _errand(
    request: Request[XsdType], context: Context, source: BundleSource, expected: type[bundle.Delivery]
) -> Errand[Bundles]:
    return Errand(
        run=functools.partial(source.fetch, Wanted(request.exi, iso2.NAMESPACE), context.tracer),
        then=functools.partial(_deliver, context, expected),
        reserve_s=context.charger.config.backend.reserve_s,
    )


def _deliver(
    context: Context, expected: type[bundle.Delivery], outcome: Bundles | BundleError | None
) -> Reply | Refusal:
    """Turn what the errand brought into the answer for the car.

    -2 has room for one contract; the market sends the default one first.
    """
    if outcome is None:
        raise RuntimeError("an errand without patience always brings something")
    try:
        if isinstance(outcome, BundleError):
            raise outcome
        received = bundle.read(outcome[0], expected)
        if not received.positive:
            code = received.response.response_code
            return Refusal(code, f"the backend answered {code}")
        _check(received, context)
        payload = received.for_session(context.session_id)
    except BundleError as error:
        return Refusal(CODES[error.kind], str(error))
    if payload is not received.exi:
        _log.warning("the bundle carried another SessionID, %s: replaced", received.session_id.hex())
    return Reply(received.response, State.PAYMENT_DETAILS, payload=payload)


def _check(received: bundle.Bundle, context: Context) -> None:
    bundle.check_form(received.response)
    charger = context.charger
    if not charger.config.backend.verify_bundle:
        return
    what = type(received.response).__name__
    try:
        bundle.check_signature(received, charger.trust.v2g, charger.clock.now())
    except BundleError as error:
        context.tracer.event("signature.failed", what=what, reason=error.detail)
        raise
    context.tracer.event("signature.verified", what=what, references=received.references)
