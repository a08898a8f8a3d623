"""Handlers for the contract of a Plug & Charge car, and for authorization."""

from functools import partial

from exi.schema import XsdType
from pki.errors import CertificateError, Rule
from pki.keys import VerifyingKey
from pki.profiles import CONTRACT
from secc import identification
from secc.contract import Contract
from secc.errors import BundleError
from secc.iso2 import values
from secc.iso2.context import Iso2Context as Context
from secc.iso2.states import State
from secc.status import Question, Standing
from secc.status.inquiry import Inquiry, Verdict
from secc.table import Errand, Refusal, Reply, Request
from secc.waiting import Progress, overdue
from v2g.errors import IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import iso2
from v2g.messages.iso2 import EVSEProcessing, ResponseCode
from v2g.security import signature
from v2g.timing import ISO2 as TIMING

_CODES = {
    Rule.EXPIRED: ResponseCode.FAILED_CertificateExpired,
    # -2 has no code of its own for a certificate from the future [V2G2-824].
    Rule.NOT_YET_VALID: ResponseCode.FAILED_CertificateExpired,
    Rule.REVOKED: ResponseCode.FAILED_CertificateRevoked,
}


_STANDINGS = {
    Standing.REVOKED: ResponseCode.FAILED_CertificateRevoked,
    Standing.CANCELED: ResponseCode.FAILED_ContractCanceled,
    Standing.UNKNOWN: ResponseCode.FAILED,
}


def certificate_code(error: CertificateError) -> ResponseCode:
    """Return the response code for a certificate that a rule of :mod:`pki.chain` rejects."""
    return _CODES.get(error.rule, ResponseCode.FAILED_CertChainError)


def reject(error: CertificateError, context: Context) -> Refusal:
    """Note a rejected certificate in the trace, and refuse with the code for its rule."""
    identification.note_rejected(error, context)
    return Refusal(certificate_code(error), str(error))


def payment_details(
    request: Request[iso2.PaymentDetailsReq], context: Context
) -> Reply | Refusal | Errand[Verdict]:
    """Judge the contract chain against the roots of mobility operators, and give the challenge.

    Where the charger has somebody to ask whether the contract still stands, that is asked in between.
    """
    charger = context.charger
    chain = request.body.contract_signature_cert_chain
    try:
        contract = identification.contract_of(
            chain.certificate,
            chain.sub_certificates.certificate if chain.sub_certificates else [],
            charger.trust.mo,
            at=charger.clock.now(),
            profile=CONTRACT,
        )
        claimed = str(Emaid.parse(request.body.emaid, check=False))
    except CertificateError as error:
        return reject(error, context)
    except IdentifierError as error:
        return Refusal(ResponseCode.FAILED, str(error))
    if claimed != contract.emaid:
        reason = f"eMAID {claimed} in the request, {contract.emaid} in the certificate"
        return Refusal(ResponseCode.FAILED, reason)
    inquiry = charger.inquiry
    if inquiry is None:
        return _challenge(contract, context)
    return Errand(
        run=partial(inquiry.ask, Question(contract.emaid, contract.path), context.tracer),
        then=partial(_after_inquiry, inquiry, contract, context),
        reserve_s=inquiry.reserve_s,
    )


def _after_inquiry(
    inquiry: Inquiry, contract: Contract, context: Context, outcome: Verdict | BundleError | None
) -> Reply | Refusal:
    refused = inquiry.refusal(outcome)
    if refused is not None:
        return Refusal(_STANDINGS[refused.standing], refused.detail)
    return _challenge(contract, context)


def _challenge(contract: Contract, context: Context) -> Reply:
    context.contract = contract
    return Reply(
        iso2.PaymentDetailsRes(
            response_code=ResponseCode.OK,
            gen_challenge=context.new_challenge(),
            evse_time_stamp=values.time_stamp(context),
        ),
        State.SIGNED_AUTHORIZATION,
    )


def signature_fault(request: Request[XsdType], name: str, element_id: str | None, context: Context) -> str:
    """Check that the contract key signed the request's body; return what is wrong, empty if nothing is."""
    if context.contract is None:
        return "the session has no contract"
    try:
        check_signature(request, name, element_id, context.contract.key, context)
    except SignatureError as error:
        return str(error)
    return ""


def check_signature(
    request: Request[XsdType], name: str, element_id: str | None, key: VerifyingKey, context: Context
) -> None:
    """Verify the signature over the body of a request; raises SignatureError. Both outcomes are traced."""
    elements = [(element_id, name, request.body)]
    identification.check_signature(
        name,
        [element_id],
        lambda: signature.verify(request.signature, elements, key, iso2.SCHEMA),
        context,
    )


def signed_authorization(request: Request[iso2.AuthorizationReq], context: Context) -> Reply | Refusal:
    """Plug & Charge: the challenge must come back, signed with the contract key [V2G2-475][V2G2-684].

    The signature is looked at first: an altered challenge is then a signature error, a genuinely signed
    wrong one an invalid challenge.
    """
    fault = signature_fault(request, "AuthorizationReq", request.body.id, context)
    if fault:
        return Refusal(ResponseCode.FAILED_SignatureError, fault)
    if request.body.gen_challenge != context.challenge:
        return Refusal(ResponseCode.FAILED_ChallengeInvalid, "this is not the challenge of PaymentDetailsRes")
    assert context.contract is not None
    context.tracer.event("contract.used", emaid=context.contract.emaid)
    return _authorized(context)


def authorization(request: Request[iso2.AuthorizationReq], context: Context) -> Reply | Refusal:
    """External identification: answer Ongoing until the driver has identified himself [V2G2-854].

    The charger gives up after its ongoing performance time [V2G2-712].
    """
    if not context.charger.config.external.accept:
        return Refusal(ResponseCode.FAILED, "external identification was refused")
    limit = TIMING.secc_ongoing_performance_time
    match identification.external(context, request.arrived_at, limit):
        case Progress.DONE:
            return _authorized(context)
        case Progress.OVERDUE:
            return Refusal(ResponseCode.FAILED, overdue(identification.EXTERNAL, limit, context.tracer))
        case Progress.ONGOING:
            processing = EVSEProcessing.Ongoing_WaitingForCustomerInteraction
            return Reply(_authorization(processing), State.AUTHORIZATION)


def _authorized(context: Context) -> Reply:
    context.authorized = True
    return Reply(_authorization(EVSEProcessing.Finished), State.CHARGE_PARAMETERS)


def _authorization(processing: EVSEProcessing) -> iso2.AuthorizationRes:
    return iso2.AuthorizationRes(response_code=ResponseCode.OK, evse_processing=processing)
