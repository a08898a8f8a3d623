"""Handlers for the contract of a Plug & Charge car, and for authorization."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from exi.schema import XsdType
from pki import chain
from pki.errors import CertificateError, Rule
from pki.names import common_name
from pki.profiles import CONTRACT
from secc.iso2 import values
from secc.iso2.context import Contract
from secc.iso2.context import Iso2Context as Context
from secc.iso2.states import State
from secc.table import Refusal, Reply, Request
from v2g.errors import IdentifierError, SignatureError
from v2g.identifiers import Emaid
from v2g.messages import iso2
from v2g.messages.iso2 import EVSEProcessing, ResponseCode
from v2g.security import signature
from v2g.timing import ISO2 as TIMING

_CHALLENGE_BYTES = 16

_CODES = {
    Rule.EXPIRED: ResponseCode.FAILED_CertificateExpired,
    # -2 has no code of its own for a certificate from the future [V2G2-824].
    Rule.NOT_YET_VALID: ResponseCode.FAILED_CertificateExpired,
}


def certificate_code(error: CertificateError) -> ResponseCode:
    """Return the response code for a certificate that a rule of :mod:`pki.chain` rejects."""
    return _CODES.get(error.rule, ResponseCode.FAILED_CertChainError)


def reject(error: CertificateError, context: Context) -> Refusal:
    """Note a rejected certificate in the trace, and refuse with the code for its rule."""
    context.tracer.event(
        "certificate.rejected", rule=str(error.rule), subject=error.subject, detail=error.detail
    )
    return Refusal(certificate_code(error), str(error))


def check_chain(parts: iso2.CertificateChain, roots: tuple[x509.Certificate, ...], at: datetime) -> Contract:
    """Return the contract that a chain proves; raises CertificateError or IdentifierError."""
    leaf = chain.parse(parts.certificate)
    others = parts.sub_certificates.certificate if parts.sub_certificates else []
    chain.validate(leaf, [chain.parse(other) for other in others], roots, at=at, profile=CONTRACT)
    # Contracts with a wrong check digit exist in the field; the certificate is what counts.
    emaid = str(Emaid.parse(common_name(leaf), check=False))
    return Contract(emaid, leaf, chain.public_key(leaf))


def payment_details(request: Request[iso2.PaymentDetailsReq], context: Context) -> Reply | Refusal:
    """Judge the contract chain against the roots of mobility operators, and give the challenge."""
    charger = context.charger
    try:
        contract = check_chain(
            request.body.contract_signature_cert_chain, charger.trust.mo, charger.clock.now()
        )
        claimed = str(Emaid.parse(request.body.emaid, check=False))
    except CertificateError as error:
        return reject(error, context)
    except IdentifierError as error:
        return Refusal(ResponseCode.FAILED, str(error))
    if claimed != contract.emaid:
        reason = f"eMAID {claimed} in the request, {contract.emaid} in the certificate"
        return Refusal(ResponseCode.FAILED, reason)
    context.contract = contract
    context.challenge = charger.entropy.bytes(_CHALLENGE_BYTES)
    return Reply(
        iso2.PaymentDetailsRes(
            response_code=ResponseCode.OK,
            gen_challenge=context.challenge,
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
    request: Request[XsdType],
    name: str,
    element_id: str | None,
    key: ec.EllipticCurvePublicKey,
    context: Context,
) -> None:
    """Verify the signature over the body of a request; raises SignatureError. Both outcomes are traced."""
    try:
        signature.verify(request.signature, [(element_id, name, request.body)], key, iso2.SCHEMA)
    except SignatureError as error:
        context.tracer.event("signature.failed", what=name, reason=str(error))
        raise
    context.tracer.event("signature.verified", what=name, references=[element_id])


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
    return Reply(_authorization(EVSEProcessing.Finished), State.CHARGE_PARAMETERS)


def authorization(request: Request[iso2.AuthorizationReq], context: Context) -> Reply | Refusal:
    """External identification: answer Ongoing until the driver has identified himself [V2G2-854].

    The charger gives up after its ongoing performance time [V2G2-712].
    """
    policy = context.charger.config.external
    if not policy.accept:
        return Refusal(ResponseCode.FAILED, "external identification was refused")
    if context.waiting_since is None:
        context.waiting_since = request.arrived_at
    waited_s = request.arrived_at - context.waiting_since
    if context.waiting_rounds >= policy.rounds and waited_s >= policy.delay_s:
        return Reply(_authorization(EVSEProcessing.Finished), State.CHARGE_PARAMETERS)
    limit = TIMING.secc_ongoing_performance_time
    if waited_s >= limit.seconds:
        context.tracer.event("timer.expired", name=limit.name, limit_s=limit.seconds)
        return Refusal(ResponseCode.FAILED, f"no identification within {limit.seconds:g} s")
    context.waiting_rounds += 1
    processing = EVSEProcessing.Ongoing_WaitingForCustomerInteraction
    return Reply(_authorization(processing), State.AUTHORIZATION)


def _authorization(processing: EVSEProcessing) -> iso2.AuthorizationRes:
    return iso2.AuthorizationRes(response_code=ResponseCode.OK, evse_processing=processing)
