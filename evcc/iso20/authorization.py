"""Identification in ISO 15118-20: by a contract and its key, or at the charger."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding

from evcc.context import Context
from evcc.contracts import Contract
from evcc.errors import ProtocolViolationError
from v2g.errors import ResponseCodeError
from v2g.messages import xmldsig
from v2g.messages.iso20 import common_messages as cm
from v2g.protocols import UNSENT
from v2g.security.signature_iso20 import sign_authorization_req

REFERENCE_ID = "id1"


def providers(setup: cm.AuthorizationSetupRes) -> Sequence[str]:
    """Return the providers whose contracts the charger takes; none where it does not say."""
    mode = setup.pnc_as_res_authorization_mode
    supported = mode.supported_providers if mode is not None else None
    return supported.provider_id if supported is not None else ()


def external() -> cm.AuthorizationReq:
    """Return the request of a driver who identifies himself at the charger."""
    return cm.AuthorizationReq(
        header=UNSENT,
        selected_authorization_service=cm.Authorization.EIM,
        eim_a_req_authorization_mode=cm.EIM_AReqAuthorizationMode(),
    )


def signed(
    context: Context, contract: Contract, setup: cm.AuthorizationSetupRes
) -> tuple[cm.AuthorizationReq, xmldsig.Signature]:
    """Return the request that shows the contract and answers the charger's challenge, with its signature."""
    offered = setup.pnc_as_res_authorization_mode
    if offered is None:
        raise ProtocolViolationError("AuthorizationSetupRes", "PnC is offered without a challenge")
    above = [certificate.public_bytes(Encoding.DER) for certificate in contract.sub_certificates]
    mode = cm.PnC_AReqAuthorizationMode(
        id=REFERENCE_ID,
        gen_challenge=offered.gen_challenge,
        contract_certificate_chain=cm.ContractCertificateChain(
            certificate=contract.certificate.public_bytes(Encoding.DER),
            sub_certificates=cm.SubCertificates(certificate=above),
        ),
    )
    request = cm.AuthorizationReq(
        header=UNSENT,
        selected_authorization_service=cm.Authorization.PnC,
        pnc_a_req_authorization_mode=mode,
    )
    context.signed("AuthorizationReq", REFERENCE_ID)
    return request, sign_authorization_req(request, contract.key, context.config.dialect)


def refused(response: cm.AuthorizationRes) -> bool:
    """Whether the response carries a WARNING, which here means: not authorised."""
    return response.response_code.startswith("WARNING")


def check(response: cm.AuthorizationRes) -> None:
    """Raise :class:`v2g.errors.ResponseCodeError` for a refusal."""
    if refused(response):
        raise ResponseCodeError("AuthorizationRes", response.response_code)
