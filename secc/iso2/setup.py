"""Handlers from SessionSetup to the choice of services and of the way of identification."""

from secc.iso2 import values
from secc.iso2.context import Agreed
from secc.iso2.context import Iso2Context as Context
from secc.iso2.states import State
from secc.station import AcOutlet, Kind
from secc.table import Refusal, Reply, Request
from v2g.messages import iso2
from v2g.messages.iso2 import EnergyTransferMode, PaymentOption, ResponseCode
from v2g.protocols import ISO2

PROTOCOL_KEY = ISO2.key

_THREE_PHASES = 3
CHARGE_SERVICE_ID = 1
CERTIFICATE_SERVICE_ID = 2
INTERNET_SERVICE_ID = 3
USE_CASE_SERVICE_ID = 4
INTERNET_SETS = {1: ("ftp", 20), 2: ("ftp", 21), 3: ("http", 80), 4: ("https", 443)}
"""The parameter sets that the standard gives internet access: protocol and port [V2G2-424]."""
INSTALLATION_SET_ID = 1
UPDATE_SET_ID = 2


def session_setup(request: Request[iso2.SessionSetupReq], context: Context) -> Reply | Refusal:
    """Join a paused session under its old SessionID, or begin one with a new random SessionID.

    A SessionID that names no session we know gets a new one [V2G2-756]. The outlet is AC while there is one;
    which kind the car wants, its ChargeParameterDiscoveryReq tells.
    """
    charger = context.charger
    if charger.stopping:
        return Refusal(ResponseCode.FAILED, "the charger is shutting down")
    outlet = context.take_outlet(Kind.AC) or context.take_outlet()
    if outlet is None:
        return Refusal(ResponseCode.FAILED, "every outlet is taken")
    context.evcc_id = request.body.evcc_id.hex()
    paused = charger.paused.rejoin(
        request.session_id,
        protocol=PROTOCOL_KEY,
        evcc_id=context.evcc_id,
        now=request.arrived_at,
        keep_s=charger.config.pause.keep_s,
    )
    if paused is not None and isinstance(paused.agreed, Agreed):
        context.agreed = paused.agreed
    context.begin_session(paused.session_id if paused else b"")
    return Reply(
        iso2.SessionSetupRes(
            response_code=ResponseCode.OK_OldSessionJoined
            if paused
            else ResponseCode.OK_NewSessionEstablished,
            evse_id=outlet.evse_id,
            evse_time_stamp=values.time_stamp(context),
        ),
        State.SERVICE_DISCOVERY,
    )


def payment_options(context: Context) -> list[PaymentOption]:
    """Return the ways of identification offered on this connection; a contract needs TLS [V2G2-639]."""
    options: list[PaymentOption] = []
    if context.secure and context.charger.takes_contracts:
        options.append(PaymentOption.Contract)
    if context.charger.config.payment.external:
        options.append(PaymentOption.ExternalPayment)
    agreed = context.agreed
    return [option for option in options if agreed is None or option is agreed.payment]


def energy_modes(context: Context) -> list[EnergyTransferMode]:
    """Return the energy transfer modes of the outlets that are free for this car, the strongest first.

    A car that comes back to a paused session is offered the mode that it had [V2G2-741].
    """
    settings, found = context.charger.config.station, []
    if _has(Kind.DC, context):
        found += [EnergyTransferMode(mode) for mode in settings.dc_modes]
    if _has(Kind.AC, context):
        found += [EnergyTransferMode.AC_three_phase_core] if _phases(context) == _THREE_PHASES else []
        found.append(EnergyTransferMode.AC_single_phase_core)
    kept = context.agreed.mode if context.agreed else None
    return [mode for mode in found if kept in {None, mode}]


def kind_of(mode: EnergyTransferMode) -> Kind:
    """Return the kind of outlet that an energy transfer mode needs."""
    return Kind.AC if mode.startswith("AC") else Kind.DC


def _has(kind: Kind, context: Context) -> bool:
    return context.plug.kind is kind or context.charger.station.has_free(kind)


def _phases(context: Context) -> int:
    outlets = context.charger.station.outlets
    return next(outlet.rating.phases for outlet in outlets if isinstance(outlet, AcOutlet))


def value_added_services(context: Context) -> list[iso2.Service]:
    """Return the services offered besides charging on this connection; all of them need TLS [V2G2-425]."""
    charger, services = context.charger, list[iso2.Service]()
    if not context.secure:
        return services
    if charger.takes_contracts and charger.installs:
        services.append(
            _service(CERTIFICATE_SERVICE_ID, "Certificate", iso2.ServiceCategory.ContractCertificate)
        )
    if charger.config.services.internet:
        services.append(_service(INTERNET_SERVICE_ID, "InternetAccess", iso2.ServiceCategory.Internet))
    if charger.config.services.use_case:
        services.append(_service(USE_CASE_SERVICE_ID, "UseCase", iso2.ServiceCategory.OtherCustom))
    return services


def _service(service_id: int, name: str, category: iso2.ServiceCategory) -> iso2.Service:
    return iso2.Service(
        service_id=service_id, service_name=name, service_category=category, free_service=True
    )


def service_discovery(request: Request[iso2.ServiceDiscoveryReq], context: Context) -> Reply | Refusal:
    """Tell the services; a scope or category in the request narrows the list, never the charge service."""
    options = payment_options(context)
    if not options:
        return Refusal(ResponseCode.FAILED, "contracts only, and the connection has no TLS")
    modes = energy_modes(context)
    if not modes:
        return Refusal(ResponseCode.FAILED, "every outlet for the car's energy transfer mode is taken")
    wanted = request.body
    services = [
        service
        for service in value_added_services(context)
        if wanted.service_category in {None, service.service_category}
        and (not wanted.service_scope or wanted.service_scope == service.service_scope)
    ]
    return Reply(
        iso2.ServiceDiscoveryRes(
            response_code=ResponseCode.OK,
            payment_option_list=iso2.PaymentOptionList(payment_option=options),
            charge_service=iso2.ChargeService(
                service_id=CHARGE_SERVICE_ID,
                service_name=" and ".join(dict.fromkeys(f"{mode[:2]}" for mode in modes)) + " charging",
                service_category=iso2.ServiceCategory.EVCharging,
                free_service=False,
                supported_energy_transfer_mode=iso2.SupportedEnergyTransferMode(energy_transfer_mode=modes),
            ),
            service_list=iso2.ServiceList(service=services) if services else None,
        ),
        State.SERVICE_SELECTION,
    )


def service_detail(request: Request[iso2.ServiceDetailReq], context: Context) -> Reply | Refusal:
    """Tell the parameter sets of a service that was offered [V2G2-549]; another one is refused [V2G2-464]."""
    asked = request.body.service_id
    parameter_sets = _parameter_sets(context)
    if asked not in parameter_sets:
        return Refusal(ResponseCode.FAILED_ServiceIDInvalid, f"service {asked} is not offered")
    sets = parameter_sets[asked]
    return Reply(
        iso2.ServiceDetailRes(
            response_code=ResponseCode.OK,
            service_id=asked,
            service_parameter_list=iso2.ServiceParameterList(parameter_set=sets) if sets else None,
        ),
        State.SERVICE_SELECTION,
    )


def _parameter_sets(context: Context) -> dict[int, list[iso2.ParameterSet]]:
    """Return the parameter sets of each service offered; charging has none."""
    settings = context.charger.config.services
    certificates = [_certificates(INSTALLATION_SET_ID, "Installation")]
    if context.charger.updates:
        certificates.append(_certificates(UPDATE_SET_ID, "Update"))
    known = {
        CERTIFICATE_SERVICE_ID: certificates,
        INTERNET_SERVICE_ID: [
            iso2.ParameterSet(
                parameter_set_id=number,
                parameter=[
                    iso2.Parameter(name="Protocol", string_value=protocol),
                    iso2.Parameter(name="Port", int_value=port),
                ],
            )
            for number, (protocol, port) in INTERNET_SETS.items()
            if protocol in settings.internet
        ],
        USE_CASE_SERVICE_ID: [
            iso2.ParameterSet(
                parameter_set_id=1,
                parameter=[
                    iso2.Parameter(name=name, string_value=text) for name, text in settings.use_case.items()
                ],
            )
        ],
    }
    offered: dict[int, list[iso2.ParameterSet]] = {CHARGE_SERVICE_ID: []}
    return offered | {s.service_id: known.get(s.service_id, []) for s in value_added_services(context)}


def _certificates(number: int, service: str) -> iso2.ParameterSet:
    parameter = iso2.Parameter(name="Service", string_value=service)
    return iso2.ParameterSet(parameter_set_id=number, parameter=[parameter])


def payment_service_selection(
    request: Request[iso2.PaymentServiceSelectionReq], context: Context
) -> Reply | Refusal:
    """Take the car's choice of services and identification [V2G2-465][V2G2-467][V2G2-804].

    A service with parameter sets may be chosen without naming one: cars in the field do so.
    """
    choice = request.body.selected_payment_option
    if choice not in payment_options(context):
        return Refusal(ResponseCode.FAILED_PaymentSelectionInvalid, f"{choice} is not offered here")
    offered = _parameter_sets(context)
    selected = request.body.selected_service_list.selected_service
    for service in selected:
        sets = [s.parameter_set_id for s in offered.get(service.service_id, [])]
        unknown_set = sets and service.parameter_set_id not in {None, *sets}
        if service.service_id not in offered or unknown_set:
            reason = (
                f"service {service.service_id} with parameter set {service.parameter_set_id} is not offered"
            )
            return Refusal(ResponseCode.FAILED_ServiceSelectionInvalid, reason)
    if CHARGE_SERVICE_ID not in {service.service_id for service in selected}:
        return Refusal(ResponseCode.FAILED_NoChargeServiceSelected, "the charge service was not selected")
    context.payment = choice
    return Reply(
        iso2.PaymentServiceSelectionRes(response_code=ResponseCode.OK),
        State.CONTRACT if choice is PaymentOption.Contract else State.AUTHORIZATION,
    )
