"""Handler for CertificateInstallation: one request, repeated as it is, brings one contract after another.

The backend's work is an errand that goes on while the car repeats its request and is answered Ongoing
[V2G20-1972]. When the bundles are there, each repetition gets one; RemainingContractCertificateChains counts down
[V2G20-1579]. An altered repetition is refused [V2G20-1582][V2G20-2571].

When to give up has two readings, policy ``[installation] give_up``: when the message performance time is over, or
when Ongoing has been answered for the ongoing performance time.
"""

import functools
import logging
from collections.abc import Mapping
from types import MappingProxyType

from pki import chain
from pki.errors import CertificateError
from secc import identification
from secc.errors import BundleError, BundleFailure
from secc.iso20 import bundle, responses
from secc.iso20.certificates import profile_of, warning
from secc.iso20.context import Iso20Context as Context
from secc.iso20.installing import Installation
from secc.iso20.states import State
from secc.sources import Bundles, Wanted
from secc.table import Errand, Refusal, Reply, Request
from v2g.errors import SignatureError
from v2g.messages import iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.protocols import UNSENT
from v2g.security.signature_iso20 import verify_certificate_installation_req
from v2g.timing import ISO20 as TIMING

_log = logging.getLogger("secc")

MAXIMUM = 8
"""Contracts that a car can ask for in one go [V2G20-1551]."""

CODES: Mapping[BundleFailure, ResponseCode] = MappingProxyType(
    {
        BundleFailure.LATE: ResponseCode.WARNING_NoCertificateAvailable,
        BundleFailure.DOWN: ResponseCode.WARNING_NoCertificateAvailable,
        BundleFailure.REFUSED: ResponseCode.WARNING_NoCertificateAvailable,
        BundleFailure.GARBLED: ResponseCode.WARNING_NoCertificateAvailable,
        BundleFailure.NOT_FOUND: ResponseCode.WARNING_NoContractMatchingPCIDFound,
        BundleFailure.UNKNOWN_PROVIDER: ResponseCode.WARNING_eMSPUnknown,
        BundleFailure.SIGNATURE: ResponseCode.FAILED_SignatureError,
        BundleFailure.CHAIN: ResponseCode.WARNING_CertificateValidationError,
        BundleFailure.CHAIN_EXPIRED: ResponseCode.WARNING_CertificateExpired,
        BundleFailure.CHAIN_NOT_YET_VALID: ResponseCode.WARNING_CertificateNotYetValid,
        BundleFailure.REVOKED: ResponseCode.WARNING_CertificateRevoked,
    }
)
"""The response code for each way in which the backend can fail to deliver [V2G20-2203…2207]."""


def certificate_installation(
    request: Request[cm.CertificateInstallationReq], context: Context
) -> Errand[Bundles] | Reply | Refusal:
    """Check a first request and send for its bundles."""
    if fault := _fault(request.body):
        return Refusal(ResponseCode.FAILED, fault)
    if refusal := _judge(request, context):
        return refusal
    context.installation = Installation(request.body, _errand(request, context))
    return context.installation.errand


def same_installation(
    request: Request[cm.CertificateInstallationReq], context: Context
) -> Errand[Bundles] | Reply | Refusal:
    """Go on with what the first request began; the repetition has to be signed as well."""
    installation = context.installation
    if installation is None or not installation.is_repeated_by(request.body):
        return Refusal(ResponseCode.FAILED, "not the request that is being answered, but an altered one")
    if refusal := _judge(request, context):
        return refusal
    return _next(context) if installation.ready else installation.errand


def _fault(body: cm.CertificateInstallationReq) -> str:
    """Return what is wrong with the numbers of a request, empty if nothing is [V2G20-1551]."""
    maximum = body.maximum_contract_certificate_chains
    wanted = len(body.prioritized_emaids.emaid) if body.prioritized_emaids else 0
    if not 1 <= maximum <= MAXIMUM:
        return f"MaximumContractCertificateChains is {maximum}, not 1 to {MAXIMUM}"
    if wanted > maximum:
        return f"{wanted} PrioritizedEMAIDs, but MaximumContractCertificateChains is {maximum}"
    return ""


def _judge(request: Request[cm.CertificateInstallationReq], context: Context) -> Refusal | None:
    """Check the car's certificate and its signature, so that a wrong request costs the backend nothing.

    Without roots of car makers the chain is left to the backend, which has them.
    """
    charger = context.charger
    now = charger.clock.now()
    parts = request.body.oem_provisioning_certificate_chain
    try:
        leaf = chain.parse(parts.certificate)
        key = chain.verifying_key(leaf)
        identification.check_signature(
            "CertificateInstallationReq",
            [parts.id],
            lambda: verify_certificate_installation_req(
                request.signature, request.body, key, charger.dialect
            ),
            context,
        )
        if charger.trust20.oem:
            others = parts.sub_certificates.certificate if parts.sub_certificates else []
            subs = [chain.parse(other) for other in others]
            profile = profile_of(leaf, "oem_provisioning")
            chain.validate(leaf, subs, charger.trust20.oem, at=now, profile=profile)
        else:
            identification.check_validity(leaf, now)
    except SignatureError as error:
        return Refusal(ResponseCode.FAILED_SignatureError, str(error))
    except CertificateError as error:
        identification.note_rejected(error, context)
        return Refusal(warning(error), str(error), State.CONTRACT)
    return None


def _errand(request: Request[cm.CertificateInstallationReq], context: Context) -> Errand[Bundles]:
    charger = context.charger
    assert charger.source is not None  # without one, AuthorizationSetup leads past the state CONTRACT
    body = request.body
    wanted = Wanted(
        request.exi,
        iso20.COMMON_MESSAGES.namespace,
        body.maximum_contract_certificate_chains,
        tuple(body.prioritized_emaids.emaid) if body.prioritized_emaids else (),
    )
    patient = charger.config.installation.give_up == "ongoing"
    return Errand(
        run=functools.partial(charger.source.fetch, wanted, context.tracer),
        then=functools.partial(_deliver, context),
        reserve_s=charger.config.backend.reserve_s,
        limit=TIMING.secc_ongoing_performance_time if patient else None,
        patience_s=charger.config.installation.answer_after_s,
    )


def _deliver(context: Context, outcome: Bundles | BundleError | None) -> Reply | Refusal:
    """Turn what the errand brought into the answer for the car."""
    if outcome is None:
        ongoing = responses.filled(
            cm.CertificateInstallationRes,
            context,
            response_code=ResponseCode.OK,
            evse_processing=Processing.Ongoing,
        )
        return Reply(ongoing, State.SAME_INSTALLATION)
    installation = context.installation
    assert installation is not None
    if isinstance(outcome, BundleError):
        return _failed(outcome, context)
    received: list[bundle.Bundle] = []
    failure = BundleError(BundleFailure.NOT_FOUND, "the answer holds no contract")
    for data in outcome[: installation.request.maximum_contract_certificate_chains]:
        try:
            received.append(_checked(data, context))
        except BundleError as error:
            # The others may be good: one broken contract need not cost the car all of them.
            _log.warning("a contract bundle is left out: %s", error)
            failure = error
    if not received:
        return _failed(failure, context)
    if not received[0].positive:
        code = received[0].response.response_code
        return _over(code, f"the backend answered {code}", context)
    installation.ready.extend(item for item in received if item.positive)
    return _next(context)


def _checked(data: bytes, context: Context) -> bundle.Bundle:
    charger = context.charger
    received = bundle.read(data)
    if not received.positive:
        return received
    signed = received.response.signed_installation_data
    bundle.check_form(signed)
    if charger.config.backend.verify_bundle:
        what = type(signed).__name__
        try:
            bundle.check_signature(received, charger.trust20.v2g, charger.clock.now(), charger.dialect)
        except BundleError as error:
            context.tracer.event("signature.failed", what=what, reason=error.detail)
            raise
        context.tracer.event("signature.verified", what=what, references=[signed.id])
    return received


def _next(context: Context) -> Reply:
    """Give the car the next contract."""
    installation = context.installation
    assert installation is not None
    current = installation.ready.popleft()
    remaining = len(installation.ready)
    response = cm.CertificateInstallationRes(
        header=UNSENT,
        response_code=ResponseCode.OK,
        evse_processing=Processing.Finished,
        cps_certificate_chain=current.response.cps_certificate_chain,
        signed_installation_data=current.response.signed_installation_data,
        remaining_contract_certificate_chains=remaining,
    )
    if remaining:
        return Reply(response, State.SAME_INSTALLATION, signature=current.signature)
    context.installation = None
    return Reply(response, State.AUTHORIZATION, signature=current.signature)


def _failed(error: BundleError, context: Context) -> Refusal:
    return _over(CODES[error.kind], str(error), context)


def _over(code: ResponseCode, reason: str, context: Context) -> Refusal:
    """End the installation; after a WARNING the car may ask in another way, or go on [V2G20-1580]."""
    context.installation = None
    return Refusal(code, reason, State.CONTRACT if code.startswith("WARNING") else None)
