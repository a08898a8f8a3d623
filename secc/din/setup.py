"""Handlers from SessionSetup to ContractAuthentication."""

from secc import identification
from secc.din import values
from secc.din.context import DinContext as Context
from secc.din.states import State
from secc.din.values import WORDS
from secc.station import Kind
from secc.table import Refusal, Reply, Request
from secc.waiting import Progress, overdue
from v2g.messages import din
from v2g.messages.din import ResponseCode
from v2g.timing import DIN as TIMING

CHARGE_SERVICE_ID = 1


def session_setup(request: Request[din.SessionSetupReq], context: Context) -> Reply | Refusal:
    """Begin a session with a new random SessionID; nothing is ever paused in DIN 70121."""
    if context.charger.stopping:
        return Refusal(ResponseCode.FAILED, "the charger is shutting down")
    if context.take_outlet(Kind.DC) is None:
        return Refusal(ResponseCode.FAILED, "every DC outlet is taken")
    context.evcc_id = request.body.evcc_id.hex()
    context.begin_session()
    return Reply(
        din.SessionSetupRes(
            response_code=ResponseCode.OK_NewSessionEstablished,
            evse_id=values.evse_id(context),
            date_time_now=values.time_stamp(context),
        ),
        State.SERVICE_DISCOVERY,
    )


def energy_transfer(context: Context) -> din.EVSESupportedEnergyTransfer:
    """Return the energy transfer type of the outlet; DIN has room for one."""
    return din.EVSESupportedEnergyTransfer(context.charger.config.station.dc_modes[0])


def service_discovery(_request: Request[din.ServiceDiscoveryReq], context: Context) -> Reply | Refusal:
    """Tell that there is charging with DC, paid externally."""
    return Reply(
        din.ServiceDiscoveryRes(
            response_code=ResponseCode.OK,
            payment_options=din.PaymentOptions(payment_option=[din.PaymentOption.ExternalPayment]),
            charge_service=din.ServiceCharge(
                service_tag=din.ServiceTag(
                    service_id=CHARGE_SERVICE_ID,
                    service_name="DC charging",
                    service_category=din.ServiceCategory.EVCharging,
                ),
                free_service=False,
                energy_transfer_type=energy_transfer(context),
            ),
        ),
        State.SERVICE_SELECTION,
    )


def service_payment_selection(
    request: Request[din.ServicePaymentSelectionReq], _context: Context
) -> Reply | Refusal:
    """Take the car's choice: external payment, and the charge service."""
    choice = request.body.selected_payment_option
    if choice is not din.PaymentOption.ExternalPayment:
        return Refusal(ResponseCode.FAILED_PaymentSelectionInvalid, f"{choice} is not offered here")
    selected = {service.service_id for service in request.body.selected_service_list.selected_service}
    if selected != {CHARGE_SERVICE_ID}:
        named = ", ".join(map(str, sorted(selected)))
        return Refusal(
            ResponseCode.FAILED_ServiceSelectionInvalid, f"services {named}, not {CHARGE_SERVICE_ID}"
        )
    response = din.ServicePaymentSelectionRes(response_code=ResponseCode.OK)
    return Reply(response, State.AUTHENTICATION)


def contract_authentication(
    request: Request[din.ContractAuthenticationReq], context: Context
) -> Reply | Refusal:
    """Answer Ongoing until the driver has identified himself, for 55 s at most."""
    if not context.charger.config.external.accept:
        return Refusal(ResponseCode.FAILED, "external identification was refused")
    limit, kinds = TIMING.secc_ongoing_performance_time, din.EVSEProcessing
    match identification.external(context, request.arrived_at, limit):
        case Progress.OVERDUE:
            return Refusal(ResponseCode.FAILED, overdue(identification.EXTERNAL, limit, context.tracer))
        case Progress.ONGOING:
            ongoing = WORDS.ok("ContractAuthenticationRes", evse_processing=kinds.Ongoing)
            return Reply(ongoing, State.AUTHENTICATION)
    context.authorized = True
    done = WORDS.ok("ContractAuthenticationRes", evse_processing=kinds.Finished)
    return Reply(done, State.CHARGE_PARAMETERS)
