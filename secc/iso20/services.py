"""Handlers for ServiceDiscovery, ServiceDetail and ServiceSelection."""

from secc.iso20 import catalogue
from secc.iso20.catalogue import Offer
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.table import Refusal, Reply, Request
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ResponseCode
from v2g.protocols import UNSENT
from v2g.services import ServiceId


def service_discovery(request: Request[cm.ServiceDiscoveryReq], context: Context) -> Reply | Refusal:
    """Tell the energy services of the outlet, narrowed to those that the car says it supports."""
    offered = catalogue.services(context.outlet)
    asked = request.body.supported_service_ids
    found = [service for service in offered if asked is None or service in asked.service_id]
    if not found:
        wanted = "any" if asked is None else ", ".join(_name(number) for number in asked.service_id)
        have = ", ".join(_name(service) for service in offered) or "none"
        reason = f"service not offered: the car wants {wanted}, this outlet has {have}"
        return Refusal(ResponseCode.FAILED, reason)
    return Reply(
        cm.ServiceDiscoveryRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            service_renegotiation_supported=context.charger.config.schedule.renegotiation,
            energy_transfer_service_list=cm.ServiceList(
                service=[cm.Service(service_id=int(service), free_service=False) for service in found]
            ),
        ),
        State.SERVICE_SELECTION,
    )


def service_detail(request: Request[cm.ServiceDetailReq], context: Context) -> Reply | Refusal:
    """Tell the parameter sets of a service that was offered."""
    asked = request.body.service_id
    offers = _offers(asked, context)
    if not offers:
        return Refusal(ResponseCode.FAILED_ServiceIDInvalid, f"service not offered: {_name(asked)}")
    sets = [
        cm.ParameterSet(parameter_set_id=number, parameter=list(offer.parameters))
        for number, offer in offers.items()
    ]
    return Reply(
        cm.ServiceDetailRes(
            header=UNSENT,
            response_code=ResponseCode.OK,
            service_id=asked,
            service_parameter_list=cm.ServiceParameterList(parameter_set=sets),
        ),
        State.SERVICE_SELECTION,
    )


def service_selection(request: Request[cm.ServiceSelectionReq], context: Context) -> Reply | Refusal:
    """Take the car's choice of an energy service and a parameter set; there are no others to choose."""
    selected = request.body.selected_energy_transfer_service
    offers = _offers(selected.service_id, context)
    if not offers:
        reason = f"service not offered: {_name(selected.service_id)}"
        return Refusal(ResponseCode.FAILED_NoEnergyTransferServiceSelected, reason)
    offer = offers.get(selected.parameter_set_id)
    if offer is None:
        reason = f"{_name(selected.service_id)} has no parameter set {selected.parameter_set_id}"
        return Refusal(ResponseCode.FAILED_ServiceSelectionInvalid, reason)
    others = request.body.selected_vas_list
    if others is not None:
        named = ", ".join(_name(service.service_id) for service in others.selected_service)
        return Refusal(ResponseCode.FAILED_ServiceSelectionInvalid, f"service not offered: {named}")
    context.choice = offer.choice
    return Reply(
        cm.ServiceSelectionRes(header=UNSENT, response_code=ResponseCode.OK), State.CHARGE_PARAMETERS
    )


def _offers(number: int, context: Context) -> dict[int, Offer]:
    offered = catalogue.services(context.outlet)
    if number not in offered:
        return {}
    return dict(catalogue.offers(ServiceId(number), context.plug, context.charger.config))


def _name(number: int) -> str:
    """Return number and name of a service, the number alone if it has no name."""
    try:
        return f"{int(number)} ({ServiceId(number).name})"
    except ValueError:
        return str(number)
