"""Handlers for SessionSetup, the return to a paused session, and AuthorizationSetup."""

from secc.iso20 import values
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.table import Refusal, Reply, Request
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ResponseCode
from v2g.protocols import UNSENT


def session_setup(request: Request[cm.SessionSetupReq], context: Context) -> Reply | Refusal:
    """Join a paused session under its old SessionID, or begin one with a new random SessionID."""
    charger = context.charger
    if charger.stopping:
        return Refusal(ResponseCode.FAILED, "the charger is shutting down")
    if context.kind is not None and context.take_outlet(context.kind) is None:
        return Refusal(ResponseCode.FAILED, f"every {context.kind} outlet is taken")
    context.evcc_id = request.body.evcc_id
    paused = charger.paused.rejoin(
        request.session_id,
        protocol=context.protocol_key,
        evcc_id=context.evcc_id,
        now=request.arrived_at,
        keep_s=charger.config.pause.keep_s,
    )
    code, state = ResponseCode.OK_NewSessionEstablished, State.AUTHORIZATION_SETUP
    if paused is not None:
        code, state = ResponseCode.OK_OldSessionJoined, State.RESUMPTION
        context.contract, context.authorized = paused.contract, True
    context.begin_session(paused.session_id if paused else b"")
    return Reply(
        cm.SessionSetupRes(header=UNSENT, response_code=code, evse_id=values.evse_id(context)), state
    )


def authorizations(context: Context) -> list[cm.Authorization]:
    """Return the ways of identification offered on this connection."""
    options: list[cm.Authorization] = []
    if context.secure and context.charger.takes_contracts20:
        options.append(cm.Authorization.PnC)
    if context.charger.config.payment.external:
        options.append(cm.Authorization.EIM)
    return options


def installs(context: Context) -> bool:
    """Tell whether contracts are installed on this connection."""
    return cm.Authorization.PnC in authorizations(context) and context.charger.installs


def authorization_setup(_request: Request[cm.AuthorizationSetupReq], context: Context) -> Reply | Refusal:
    """Tell the ways of identification, the challenge for contracts, and whether contracts are installed."""
    options = authorizations(context)
    if not options:
        return Refusal(ResponseCode.FAILED, "contracts only, and the connection has no TLS")
    context.contract, context.authorized = None, False  # a car that came back may identify itself anew
    contracts = external = None
    if cm.Authorization.PnC in options:
        providers = list(context.charger.config.payment.providers)
        contracts = cm.PnC_ASResAuthorizationMode(
            gen_challenge=context.new_challenge(),
            supported_providers=cm.SupportedProvidersList(provider_id=providers) if providers else None,
        )
    else:
        external = cm.EIM_ASResAuthorizationMode()
    return Reply(
        cm.AuthorizationSetupRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            authorization_services=options,
            certificate_installation_service=installs(context),
            pnc_as_res_authorization_mode=contracts,
            eim_as_res_authorization_mode=external,
        ),
        State.CONTRACT if installs(context) else State.AUTHORIZATION,
    )
