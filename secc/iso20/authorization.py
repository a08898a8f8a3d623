"""Handler for Authorization: by contract or externally.

What is wrong with a contract or its certificate is a WARNING: the car may try another contract, or the other way.
Only a wrong signature ends the session [V2G20-461].
"""

from datetime import timedelta
from functools import partial

from pki import chain
from pki.errors import CertificateError
from secc import identification
from secc.contract import Contract
from secc.errors import BundleError
from secc.iso20.certificates import profile_of, warning
from secc.iso20.context import Iso20Context as Context
from secc.iso20.context import UnderInquiry
from secc.iso20.setup import authorizations
from secc.iso20.states import State
from secc.status import Question, Standing
from secc.status.inquiry import Inquiry, Verdict
from secc.table import Errand, Refusal, Reply, Request
from secc.waiting import Progress, overdue
from v2g.errors import IdentifierError, SignatureError
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.protocols import UNSENT
from v2g.security.signature_iso20 import verify_authorization_req
from v2g.timing import ISO20 as TIMING

EXPIRES_SOON = timedelta(days=21)
"""A contract that ends within this time is answered OK_CertificateExpiresSoon."""

_PATIENCE_S = 0.75
"""How long a request waits for an inquiry before it is answered Ongoing: half of its performance time."""
_STANDINGS = {
    Standing.REVOKED: ResponseCode.WARNING_CertificateRevoked,
    Standing.CANCELED: ResponseCode.WARNING_GeneralPnCAuthorizationError,
    Standing.UNKNOWN: ResponseCode.WARNING_GeneralPnCAuthorizationError,
}
_PROVIDER_ID = 5
"""Country and provider id, with which an eMAID begins."""


def authorization(
    request: Request[cm.AuthorizationReq], context: Context
) -> Reply | Refusal | Errand[Verdict]:
    """Take the car's choice among what AuthorizationSetupRes offered."""
    body = request.body
    chosen = body.selected_authorization_service
    modes = {
        cm.Authorization.PnC: body.pnc_a_req_authorization_mode,
        cm.Authorization.EIM: body.eim_a_req_authorization_mode,
    }
    if chosen not in authorizations(context) or modes[chosen] is None:
        reason = f"{chosen} is not offered here, or came with the data of another service"
        return _again(ResponseCode.WARNING_AuthorizationSelectionInvalid, reason)
    if body.pnc_a_req_authorization_mode is not None:
        return _by_contract(request, body.pnc_a_req_authorization_mode, context)
    return _externally(request, context)


def _by_contract(
    request: Request[cm.AuthorizationReq], mode: cm.PnC_AReqAuthorizationMode, context: Context
) -> Reply | Refusal | Errand[Verdict]:
    """Judge chain, signature and challenge, in this order: a key must be trusted before it proves anything."""
    try:
        contract = _contract(mode.contract_certificate_chain, context)
    except CertificateError as error:
        identification.note_rejected(error, context)
        return _again(warning(error), str(error))
    except IdentifierError as error:
        return _again(ResponseCode.WARNING_GeneralPnCAuthorizationError, str(error))
    providers = context.charger.config.payment.providers
    if providers and contract.emaid[:_PROVIDER_ID] not in providers:
        return _again(ResponseCode.WARNING_eMSPUnknown, f"no contract with the provider of {contract.emaid}")
    try:
        identification.check_signature(
            type(mode).__name__,
            [mode.id],
            lambda: verify_authorization_req(
                request.signature, request.body, contract.key, context.charger.dialect
            ),
            context,
        )
    except SignatureError as error:
        return Refusal(ResponseCode.FAILED_SignatureError, str(error))
    if mode.gen_challenge != context.challenge:
        reason = "this is not the challenge of AuthorizationSetupRes"
        return _again(ResponseCode.WARNING_ChallengeInvalid, reason)
    inquiry = context.charger.inquiry
    if inquiry is None:
        return _contract_accepted(contract, context)
    return _asked(inquiry, contract, context)


def _asked(inquiry: Inquiry, contract: Contract, context: Context) -> Errand[Verdict]:
    """Ask whether the contract still stands; a car that repeats its request waits for the same inquiry."""
    under_way = context.inquiry
    if under_way is not None and under_way.contract.certificate == contract.certificate:
        return under_way.errand
    errand = Errand(
        run=partial(inquiry.ask, Question(contract.emaid, contract.path), context.tracer),
        then=partial(_after_inquiry, inquiry, contract, context),
        reserve_s=inquiry.reserve_s,
        limit=TIMING.secc_ongoing_performance_time,
        patience_s=_PATIENCE_S,
    )
    context.inquiry = UnderInquiry(contract, errand)
    return errand


def _after_inquiry(
    inquiry: Inquiry, contract: Contract, context: Context, outcome: Verdict | BundleError | None
) -> Reply | Refusal:
    if outcome is None:
        return Reply(_response(ResponseCode.OK, Processing.Ongoing), State.AUTHORIZATION)
    context.inquiry = None
    refused = inquiry.refusal(outcome)
    if refused is not None:
        return _again(_STANDINGS[refused.standing], refused.detail)
    return _contract_accepted(contract, context)


def _contract_accepted(contract: Contract, context: Context) -> Reply:
    context.contract = contract
    context.tracer.event("contract.used", emaid=contract.emaid)
    ends_in = contract.certificate.not_valid_after_utc - context.charger.clock.now()
    code = ResponseCode.OK_CertificateExpiresSoon if ends_in < EXPIRES_SOON else ResponseCode.OK
    return _authorized(context, code)


def _contract(parts: cm.ContractCertificateChain, context: Context) -> Contract:
    charger = context.charger
    return identification.contract_of(
        parts.certificate,
        parts.sub_certificates.certificate,
        charger.trust20.mo,
        at=charger.clock.now(),
        profile=profile_of(chain.parse(parts.certificate), "contract"),
    )


def _externally(request: Request[cm.AuthorizationReq], context: Context) -> Reply | Refusal:
    """Answer Ongoing until the driver has identified himself, for the ongoing performance time at most."""
    if not context.charger.config.external.accept:
        return _again(ResponseCode.WARNING_EIMAuthorizationFailure, "external identification was refused")
    limit = TIMING.secc_ongoing_performance_time
    match identification.external(context, request.arrived_at, limit):
        case Progress.DONE:
            return _authorized(context, ResponseCode.OK)
        case Progress.OVERDUE:
            return Refusal(ResponseCode.FAILED, overdue(identification.EXTERNAL, limit, context.tracer))
        case Progress.ONGOING:
            processing = Processing.Ongoing_WaitingForCustomerInteraction
            return Reply(_response(ResponseCode.OK, processing), State.AUTHORIZATION)


def _authorized(context: Context, code: ResponseCode) -> Reply:
    context.authorized = True
    return Reply(_response(code, Processing.Finished), State.SERVICE_DISCOVERY)


def _response(code: ResponseCode, processing: Processing) -> cm.AuthorizationRes:
    return cm.AuthorizationRes(header=UNSENT, response_code=code, evse_processing=processing)


def _again(code: ResponseCode, reason: str) -> Refusal:
    return Refusal(code, reason, State.AUTHORIZATION)
