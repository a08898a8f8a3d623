"""The usual answers of a good -20 charger, for the scripted charger of :mod:`tests.evcc.charger`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.evcc.bundle20 import usual20
from tests.evcc.charger import CHALLENGE, EVSE_ID, Charger, Request, always, negotiated
from tests.evcc.material20 import World20
from v2g.messages.iso20 import ac, dc
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import (
    EvseNotification,
    EVSEStatus,
    MeterInfo,
    Processing,
    RationalNumber,
    ResponseCode,
)
from v2g.protocols import UNSENT
from v2g.rational import rational
from v2g.services import ControlMode, ParameterName, ServiceId

OK: dict[str, Any] = {"header": UNSENT, "response_code": ResponseCode.OK}
FINISHED, ONGOING = Processing.Finished, Processing.Ongoing
METER = MeterInfo(meter_id="M1", charged_energy_reading_wh=1234)


def warned(code: str) -> dict[str, Any]:
    return {"header": UNSENT, "response_code": ResponseCode(code)}


def session_setup(code: ResponseCode = ResponseCode.OK_NewSessionEstablished) -> cm.SessionSetupRes:
    return cm.SessionSetupRes(header=UNSENT, response_code=code, evse_id=EVSE_ID)


def authorization_setup(
    *services: cm.Authorization,
    installation: bool = True,
    providers: tuple[str, ...] = (),
    challenge: bytes | None = CHALLENGE,
) -> cm.AuthorizationSetupRes:
    listed = list(services) or [cm.Authorization.PnC, cm.Authorization.EIM]
    mode = cm.PnC_ASResAuthorizationMode(
        gen_challenge=challenge or CHALLENGE,
        supported_providers=cm.SupportedProvidersList(provider_id=list(providers)) if providers else None,
    )
    by_contract = cm.Authorization.PnC in listed and challenge is not None
    return cm.AuthorizationSetupRes(
        **OK,
        authorization_services=listed,
        certificate_installation_service=installation,
        pnc_as_res_authorization_mode=mode if by_contract else None,
        eim_as_res_authorization_mode=None if by_contract else cm.EIM_ASResAuthorizationMode(),
    )


def authorized(processing: Processing = FINISHED, code: str = "OK") -> cm.AuthorizationRes:
    return cm.AuthorizationRes(**warned(code), evse_processing=processing)


def services(*energy: ServiceId, added: tuple[ServiceId, ...] = ()) -> cm.ServiceDiscoveryRes:
    def listed(found: tuple[ServiceId, ...]) -> cm.ServiceList:
        return cm.ServiceList(service=[cm.Service(service_id=item, free_service=False) for item in found])

    return cm.ServiceDiscoveryRes(
        **OK,
        service_renegotiation_supported=True,
        energy_transfer_service_list=listed(energy),
        vas_list=listed(added) if added else None,
    )


def all_services(charger: Charger, _request: Request) -> cm.ServiceDiscoveryRes:
    """AC for a car that chose AC, DC for one that chose DC, each both ways."""
    if charger.edition.key == "iso20-ac":
        return services(ServiceId.AC, ServiceId.AC_BPT)
    return services(ServiceId.DC, ServiceId.DC_BPT)


def service_detail(_charger: Charger, request: Any) -> cm.ServiceDetailRes:
    return details(request.service_id, ControlMode.SCHEDULED, ControlMode.DYNAMIC)


def details(service: int, *controls: int, **parameters: int) -> cm.ServiceDetailRes:
    numbers = {ParameterName.CONNECTOR: 1} | {ParameterName[name]: n for name, n in parameters.items()}
    sets = [
        cm.ParameterSet(
            parameter_set_id=number,
            parameter=[
                cm.Parameter(name=name, int_value=value)
                for name, value in (numbers | {ParameterName.CONTROL_MODE: control}).items()
            ],
        )
        for number, control in enumerate(controls, start=1)
    ]
    return cm.ServiceDetailRes(
        **OK, service_id=service, service_parameter_list=cm.ServiceParameterList(parameter_set=sets)
    )


def ac_parameters(_charger: Charger, request: Any) -> ac.AC_ChargeParameterDiscoveryRes:
    both = isinstance(request.ac_cpd_req_energy_transfer_mode, ac.BPT_AC_CPDReqEnergyTransferMode)
    return ac_limits(bidirectional=both)


def ac_limits(
    most_w: float = 11_000, *, bidirectional: bool = False, back_w: float = 9_000
) -> ac.AC_ChargeParameterDiscoveryRes:
    limits: dict[str, RationalNumber] = {
        "evse_maximum_charge_power": rational(most_w),
        "evse_minimum_charge_power": rational(0),
        "evse_nominal_frequency": rational(50),
    }
    mode: ac.AC_CPDResEnergyTransferMode = ac.AC_CPDResEnergyTransferMode(**limits)
    if bidirectional:
        mode = ac.BPT_AC_CPDResEnergyTransferMode(
            **limits, evse_maximum_discharge_power=rational(back_w), evse_minimum_discharge_power=rational(0)
        )
    return ac.AC_ChargeParameterDiscoveryRes(**OK, ac_cpd_res_energy_transfer_mode=mode)


def dc_parameters(_charger: Charger, request: Any) -> dc.DC_ChargeParameterDiscoveryRes:
    both = isinstance(request.dc_cpd_req_energy_transfer_mode, dc.BPT_DC_CPDReqEnergyTransferMode)
    return dc_limits(bidirectional=both)


def dc_limits(
    most_w: float = 60_000, most_a: float = 150, most_v: float = 900, *, bidirectional: bool = False
) -> dc.DC_ChargeParameterDiscoveryRes:
    limits: dict[str, RationalNumber] = {
        "evse_maximum_charge_power": rational(most_w),
        "evse_minimum_charge_power": rational(0),
        "evse_maximum_charge_current": rational(most_a),
        "evse_minimum_charge_current": rational(0),
        "evse_maximum_voltage": rational(most_v),
        "evse_minimum_voltage": rational(100),
    }
    mode: dc.DC_CPDResEnergyTransferMode = dc.DC_CPDResEnergyTransferMode(**limits)
    if bidirectional:
        mode = dc.BPT_DC_CPDResEnergyTransferMode(
            **limits,
            evse_maximum_discharge_power=rational(20_000),
            evse_minimum_discharge_power=rational(0),
            evse_maximum_discharge_current=rational(40),
            evse_minimum_discharge_current=rational(0),
        )
    return dc.DC_ChargeParameterDiscoveryRes(**OK, dc_cpd_res_energy_transfer_mode=mode)


def power_schedule(*entries: tuple[int, float], anchor: int) -> cm.PowerSchedule:
    return cm.PowerSchedule(
        time_anchor=anchor,
        power_schedule_entries=cm.PowerScheduleEntryList(
            power_schedule_entry=[
                cm.PowerScheduleEntry(duration=duration, power=rational(power)) for duration, power in entries
            ]
        ),
    )


def schedule_tuple(
    number: int,
    *entries: tuple[int, float],
    anchor: int,
    prices: cm.PriceSchedule | None = None,
    back_w: float | None = None,
) -> cm.ScheduleTuple:
    priced: dict[str, Any] = {}
    if isinstance(prices, cm.AbsolutePriceSchedule):
        priced["absolute_price_schedule"] = prices
    elif prices is not None:
        priced["price_level_schedule"] = prices
    back = None
    if back_w is not None:
        back = cm.ChargingSchedule(power_schedule=power_schedule((86_400, back_w), anchor=anchor))
    return cm.ScheduleTuple(
        schedule_tuple_id=number,
        charging_schedule=cm.ChargingSchedule(
            power_schedule=power_schedule(*entries, anchor=anchor), **priced
        ),
        discharging_schedule=back,
    )


def scheduled(*tuples: cm.ScheduleTuple, processing: Processing = FINISHED) -> cm.ScheduleExchangeRes:
    return cm.ScheduleExchangeRes(
        **OK,
        evse_processing=processing,
        scheduled_se_res_control_mode=cm.Scheduled_SEResControlMode(schedule_tuple=list(tuples)),
    )


def schedule_exchange(charger: Charger, request: Any) -> cm.ScheduleExchangeRes:
    """One schedule of 50 kW over a day, or consent to dynamic control."""
    if request.dynamic_se_req_control_mode is not None:
        return cm.ScheduleExchangeRes(
            **OK, evse_processing=FINISHED, dynamic_se_res_control_mode=cm.Dynamic_SEResControlMode()
        )
    anchor = int(charger.clock.now().timestamp())
    return scheduled(schedule_tuple(7, (86_400, 50_000), anchor=anchor, back_w=8_000))


def status(notification: EvseNotification | None) -> EVSEStatus | None:
    if notification is None:
        return None
    return EVSEStatus(notification_max_delay=0, evse_notification=notification)


def power_delivery(notification: EvseNotification | None = None) -> cm.PowerDeliveryRes:
    return cm.PowerDeliveryRes(**OK, evse_status=status(notification))


def ac_loop(
    notification: EvseNotification | None = None,
    *,
    target_w: float | None = None,
    meter: bool = False,
    code: str = "OK",
) -> Callable[[Charger, Any], ac.AC_ChargeLoopRes]:
    """An answer in the control mode of the request; in dynamic control the target is 7 kW if not given."""

    def answer(_charger: Charger, request: Any) -> ac.AC_ChargeLoopRes:
        name = type(request.cl_req_control_mode).__name__.replace("Req", "Res")
        kind = getattr(ac, name)
        target = target_w
        if target is None and "Dynamic" in name:
            target = 7_000
        mode = kind(evse_target_active_power=rational(target)) if target is not None else kind()
        return ac.AC_ChargeLoopRes(
            **warned(code),
            evse_status=status(notification),
            meter_info=METER if meter or request.meter_info_requested else None,
            cl_res_control_mode=mode,
        )

    return answer


def dc_loop(
    notification: EvseNotification | None = None,
    *,
    current_a: float | None = None,
    voltage_v: float = 400,
    **limits: float,
) -> Callable[[Charger, Any], dc.DC_ChargeLoopRes]:
    """An answer in the control mode of the request, with the current that a scheduled car asks for."""

    def answer(_charger: Charger, request: Any) -> dc.DC_ChargeLoopRes:
        asked = request.cl_req_control_mode
        name = type(asked).__name__.replace("Req", "Res")
        current = rational(50 if current_a is None else current_a)
        if current_a is None and isinstance(asked, dc.Scheduled_DC_CLReqControlMode):
            current = asked.ev_target_current
        kind = getattr(dc, name)
        needed: dict[str, RationalNumber] = {}
        if issubclass(kind, dc.Dynamic_DC_CLResControlMode):
            needed |= dict.fromkeys(
                (
                    "evse_maximum_charge_power",
                    "evse_minimum_charge_power",
                    "evse_maximum_charge_current",
                    "evse_maximum_voltage",
                ),
                rational(10_000),
            )
        if issubclass(kind, dc.BPT_Dynamic_DC_CLResControlMode):
            needed |= dict.fromkeys(
                (
                    "evse_maximum_discharge_power",
                    "evse_minimum_discharge_power",
                    "evse_maximum_discharge_current",
                    "evse_minimum_voltage",
                ),
                rational(100),
            )
        return dc.DC_ChargeLoopRes(
            **OK,
            evse_status=status(notification),
            meter_info=METER if request.meter_info_requested else None,
            evse_present_current=current,
            evse_present_voltage=rational(voltage_v),
            evse_power_limit_achieved=False,
            evse_current_limit_achieved=False,
            evse_voltage_limit_achieved=False,
            cl_res_control_mode=kind(**needed | {name: rational(n) for name, n in limits.items()}),
        )

    return answer


def pre_charge(voltage_v: float = 375) -> dc.DC_PreChargeRes:
    return dc.DC_PreChargeRes(**OK, evse_present_voltage=rational(voltage_v))


def cable_check(processing: Processing = FINISHED) -> dc.DC_CableCheckRes:
    return dc.DC_CableCheckRes(**OK, evse_processing=processing)


def welding(voltage_v: float = 10) -> dc.DC_WeldingDetectionRes:
    return dc.DC_WeldingDetectionRes(**OK, evse_present_voltage=rational(voltage_v))


def installed(charger: Charger, _request: Request) -> Any:
    """The usual bundle: one contract."""
    assert isinstance(charger.world, World20)
    return usual20(charger.world).signed()


USUAL20: Mapping[str, Callable[[Charger, Request], Any]] = {
    "SupportedAppProtocolReq": always(negotiated()),
    "SessionSetupReq": always(session_setup()),
    "VehicleCheckInReq": always(cm.VehicleCheckInRes(**OK)),
    "AuthorizationSetupReq": always(authorization_setup()),
    "CertificateInstallationReq": installed,
    "AuthorizationReq": always(authorized()),
    "ServiceDiscoveryReq": all_services,
    "ServiceDetailReq": service_detail,
    "ServiceSelectionReq": always(cm.ServiceSelectionRes(**OK)),
    "AC_ChargeParameterDiscoveryReq": ac_parameters,
    "DC_ChargeParameterDiscoveryReq": dc_parameters,
    "ScheduleExchangeReq": schedule_exchange,
    "DC_CableCheckReq": always(cable_check()),
    "DC_PreChargeReq": always(pre_charge()),
    "PowerDeliveryReq": always(power_delivery()),
    "AC_ChargeLoopReq": ac_loop(),
    "DC_ChargeLoopReq": dc_loop(),
    "MeteringConfirmationReq": always(cm.MeteringConfirmationRes(**OK)),
    "DC_WeldingDetectionReq": always(welding()),
    "VehicleCheckOutReq": always(
        cm.VehicleCheckOutRes(**OK, evse_check_out_status=cm.EvseCheckOutStatus.Completed)
    ),
    "SessionStopReq": always(cm.SessionStopRes(**OK)),
}
