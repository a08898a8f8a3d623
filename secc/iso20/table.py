"""The ISO 15118-20 session of a charger as tables: one for AC, one for DC, one for services it does not have.

AC and DC differ in how they get from the schedule to the charge loop and out of it; the rest exists once.
"""

from exi.schema import XsdType
from secc.iso20 import (
    ac,
    authorization,
    dc,
    delivery,
    ending,
    installation,
    metering,
    schedule,
    services,
    setup,
)
from secc.iso20.states import State
from secc.table import Handler, Row, Table, To, row
from v2g.messages.iso20 import ac as ac_messages
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20 import dc as dc_messages

_UNTIL_SERVICE = (
    State.RESUMPTION,
    State.AUTHORIZATION_SETUP,
    State.CONTRACT,
    State.SAME_INSTALLATION,
    State.AUTHORIZATION,
    State.SERVICE_DISCOVERY,
    State.SERVICE_SELECTION,
)
"""Where a car may leave before it has selected a service."""


def _before_service() -> tuple[Row, ...]:
    """Return the rows from SessionSetup to ServiceSelection."""
    identify = (
        To(State.CONTRACT, "CertificateInstallationService"),
        To(State.AUTHORIZATION, "else"),
    )
    authorize = (
        To(State.AUTHORIZATION, "Ongoing or WARNING"),
        To(State.SERVICE_DISCOVERY, "Finished"),
    )
    install = (
        To(State.SAME_INSTALLATION, "Ongoing or more to come"),
        To(State.AUTHORIZATION, "none remaining"),
        To(State.CONTRACT, "WARNING"),
    )
    return (
        row(
            State.SESSION_SETUP,
            cm.SessionSetupReq,
            setup.session_setup,
            To(State.AUTHORIZATION_SETUP, "new session"),
            To(State.RESUMPTION, "old session"),
        ),
        row(
            State.AUTHORIZATION_SETUP,
            cm.VehicleCheckInReq,
            ending.vehicle_check_in,
            State.AUTHORIZATION_SETUP,
        ),
        *(
            row(state, cm.AuthorizationSetupReq, setup.authorization_setup, *identify)
            for state in (State.AUTHORIZATION_SETUP, State.RESUMPTION)
        ),
        row(
            State.CONTRACT,
            cm.CertificateInstallationReq,
            installation.certificate_installation,
            *install,
        ),
        row(
            State.SAME_INSTALLATION,
            cm.CertificateInstallationReq,
            installation.same_installation,
            *install,
        ),
        *(
            row(state, cm.AuthorizationReq, authorization.authorization, *authorize)
            for state in (State.CONTRACT, State.SAME_INSTALLATION, State.AUTHORIZATION)
        ),
        *(
            row(state, cm.ServiceDiscoveryReq, services.service_discovery, State.SERVICE_SELECTION)
            for state in (State.SERVICE_DISCOVERY, State.RESUMPTION)
        ),
        row(
            State.SERVICE_SELECTION,
            cm.ServiceDetailReq,
            services.service_detail,
            State.SERVICE_SELECTION,
        ),
        row(
            State.SERVICE_SELECTION,
            cm.ServiceSelectionReq,
            services.service_selection,
            State.CHARGE_PARAMETERS,
        ),
        *(
            row(state, cm.SessionStopReq, ending.session_stop_before_service, None)
            for state in _UNTIL_SERVICE
        ),
    )


def _power(stopped: State) -> tuple[Row, ...]:
    """Return the rows of PowerDelivery and of what interrupts the charge loop; ``stopped`` follows Stop."""
    return (
        row(
            State.POWER_DELIVERY,
            cm.PowerDeliveryReq,
            delivery.power_delivery,
            To(State.CHARGE_LOOP, "Start or Standby"),
            To(State.POWER_DELIVERY, "EVProcessing Ongoing"),
            To(stopped, "Stop"),
        ),
        row(
            State.CHARGE_LOOP,
            cm.PowerDeliveryReq,
            delivery.power_delivery_while_charging,
            To(State.CHARGE_LOOP, "Standby or Start again"),
            To(State.NEW_SCHEDULE, "ScheduleRenegotiation"),
            To(stopped, "Stop"),
        ),
        row(
            State.CHARGE_LOOP,
            cm.MeteringConfirmationReq,
            metering.metering_confirmation,
            State.CHARGE_LOOP,
        ),
        row(
            State.NEW_SCHEDULE,
            cm.ScheduleExchangeReq,
            schedule.schedule_renewal,
            To(State.NEW_SCHEDULE, "Ongoing"),
            To(State.NEW_PROFILE, "Finished"),
        ),
        row(
            State.NEW_PROFILE,
            cm.PowerDeliveryReq,
            delivery.power_delivery_with_new_schedule,
            To(State.CHARGE_LOOP, "Start"),
            To(State.NEW_PROFILE, "EVProcessing Ongoing"),
            To(stopped, "Stop"),
        ),
        row(State.SESSION_STOP, cm.VehicleCheckOutReq, ending.vehicle_check_out, State.SESSION_STOP),
    )


def _charging(
    request: type[XsdType], handle: Handler, loop: type[XsdType], rounds: Handler
) -> tuple[Row, ...]:
    """Return the rows of the two messages that each energy service has in its own class."""
    return (
        row(State.CHARGE_PARAMETERS, request, handle, State.SCHEDULE),
        row(State.CHARGE_LOOP, loop, rounds, State.CHARGE_LOOP),
    )


def _scheduling(scheduled: State) -> Row:
    return row(
        State.SCHEDULE,
        cm.ScheduleExchangeReq,
        schedule.schedule_exchange,
        To(State.SCHEDULE, "Ongoing"),
        To(scheduled, "Finished"),
    )


def _leaving(*states: State) -> tuple[Row, ...]:
    """Return the rows for a car that leaves, or goes back to the choice of services."""
    return tuple(
        row(
            state,
            cm.SessionStopReq,
            ending.session_stop,
            To(None, "Terminate or Pause"),
            To(State.SERVICE_DISCOVERY, "ServiceRenegotiation"),
        )
        for state in states
    )


AC = Table(
    State.SESSION_SETUP,
    (
        *_before_service(),
        *_charging(
            ac_messages.AC_ChargeParameterDiscoveryReq,
            ac.charge_parameters,
            ac_messages.AC_ChargeLoopReq,
            ac.charge_loop,
        ),
        _scheduling(State.POWER_DELIVERY),
        *_power(State.SESSION_STOP),
        *_leaving(State.CHARGE_PARAMETERS, State.SCHEDULE, State.POWER_DELIVERY, State.SESSION_STOP),
    ),
)

DC = Table(
    State.SESSION_SETUP,
    (
        *_before_service(),
        *_charging(
            dc_messages.DC_ChargeParameterDiscoveryReq,
            dc.charge_parameters,
            dc_messages.DC_ChargeLoopReq,
            dc.charge_loop,
        ),
        _scheduling(State.CABLE_CHECK),
        row(
            State.CABLE_CHECK,
            dc_messages.DC_CableCheckReq,
            dc.cable_check,
            To(State.CABLE_CHECK, "Ongoing"),
            To(State.PRE_CHARGE, "Finished"),
        ),
        *(
            row(state, dc_messages.DC_PreChargeReq, dc.pre_charge, State.POWER_DELIVERY)
            for state in (State.PRE_CHARGE, State.POWER_DELIVERY)
        ),
        *_power(State.WELDING_DETECTION),
        row(
            State.WELDING_DETECTION,
            dc_messages.DC_WeldingDetectionReq,
            dc.welding_detection,
            To(State.WELDING_DETECTION, "Ongoing"),
            To(State.SESSION_STOP, "Finished"),
        ),
        *_leaving(
            State.CHARGE_PARAMETERS,
            State.SCHEDULE,
            State.CABLE_CHECK,
            State.PRE_CHARGE,
            State.POWER_DELIVERY,
            State.WELDING_DETECTION,
            State.SESSION_STOP,
        ),
    ),
)

ELSEWHERE = Table(State.SESSION_SETUP, _before_service())
"""For wireless charging and ACDP: everything up to ServiceDiscovery, which says "service not offered"."""
