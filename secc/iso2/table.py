"""The ISO 15118-2 session of a charger as a table [V2G2-541…601].

The energy transfer mode of ChargeParameterDiscovery decides whether the rows of AC or of DC follow.
"""

from secc.classic.dc import DcSteps
from secc.iso2 import charging, identification, installation, setup
from secc.iso2.states import State
from secc.iso2.values import WORDS
from secc.table import Table, To, row
from v2g.messages import iso2

_STOPPABLE = (
    State.SERVICE_DISCOVERY,
    State.SERVICE_SELECTION,
    State.CONTRACT,
    State.PAYMENT_DETAILS,
    State.SIGNED_AUTHORIZATION,
    State.AUTHORIZATION,
    State.CHARGE_PARAMETERS,
    State.POWER_DELIVERY,
    State.CABLE_CHECK,
    State.PRE_CHARGE,
    State.PRE_CHARGED,
    State.WELDING_DETECTION,
    State.SESSION_STOP,
)
"""Where a car may leave: everywhere but while power flows, which PowerDelivery has to end first."""

TABLE = Table(
    State.SESSION_SETUP,
    (
        row(State.SESSION_SETUP, iso2.SessionSetupReq, setup.session_setup, State.SERVICE_DISCOVERY),
        row(
            State.SERVICE_DISCOVERY,
            iso2.ServiceDiscoveryReq,
            setup.service_discovery,
            State.SERVICE_SELECTION,
        ),
        row(State.SERVICE_SELECTION, iso2.ServiceDetailReq, setup.service_detail, State.SERVICE_SELECTION),
        row(
            State.SERVICE_SELECTION,
            iso2.PaymentServiceSelectionReq,
            setup.payment_service_selection,
            To(State.CONTRACT, "Contract"),
            To(State.AUTHORIZATION, "ExternalPayment"),
        ),
        row(
            State.CONTRACT,
            iso2.CertificateInstallationReq,
            installation.certificate_installation,
            State.PAYMENT_DETAILS,
        ),
        row(
            State.CONTRACT,
            iso2.CertificateUpdateReq,
            installation.certificate_update,
            State.PAYMENT_DETAILS,
        ),
        *(
            row(state, iso2.PaymentDetailsReq, identification.payment_details, State.SIGNED_AUTHORIZATION)
            for state in (State.CONTRACT, State.PAYMENT_DETAILS)
        ),
        row(
            State.SIGNED_AUTHORIZATION,
            iso2.AuthorizationReq,
            identification.signed_authorization,
            State.CHARGE_PARAMETERS,
        ),
        row(
            State.AUTHORIZATION,
            iso2.AuthorizationReq,
            identification.authorization,
            To(State.AUTHORIZATION, "Ongoing"),
            To(State.CHARGE_PARAMETERS, "Finished"),
        ),
        row(
            State.CHARGE_PARAMETERS,
            iso2.ChargeParameterDiscoveryReq,
            charging.charge_parameters,
            To(State.CHARGE_PARAMETERS, "Ongoing"),
            To(State.POWER_DELIVERY, "AC, Finished"),
            To(State.CABLE_CHECK, "DC, Finished"),
        ),
        row(
            State.POWER_DELIVERY,
            iso2.PowerDeliveryReq,
            charging.power_delivery,
            To(State.CHARGING_STATUS, "Start"),
            To(State.SESSION_STOP, "Stop"),
        ),
        *(
            row(
                state,
                iso2.ChargingStatusReq,
                charging.charging_status,
                State.CHARGING,
                To(State.METERING_RECEIPT, "ReceiptRequired"),
            )
            for state in (State.CHARGING_STATUS, State.CHARGING)
        ),
        row(
            State.CHARGING,
            iso2.PowerDeliveryReq,
            charging.power_delivery_while_charging,
            To(State.SESSION_STOP, "Stop"),
            To(State.NEW_PARAMETERS, "Renegotiate"),
        ),
        *DcSteps(WORDS).rows(To(State.METERING_RECEIPT, "ReceiptRequired")),
        row(
            State.PRE_CHARGED,
            iso2.PowerDeliveryReq,
            charging.dc_power_delivery,
            To(State.CURRENT_DEMAND, "Start"),
            To(State.WELDING_DETECTION, "Stop"),
        ),
        row(
            State.CHARGING_DC,
            iso2.PowerDeliveryReq,
            charging.power_delivery_while_charging,
            To(State.WELDING_DETECTION, "Stop"),
            To(State.NEW_PARAMETERS, "Renegotiate"),
        ),
        row(
            State.METERING_RECEIPT,
            iso2.MeteringReceiptReq,
            charging.metering_receipt,
            To(State.CHARGING, "AC"),
            To(State.CHARGING_DC, "DC"),
        ),
        row(
            State.NEW_PARAMETERS,
            iso2.ChargeParameterDiscoveryReq,
            charging.new_parameters,
            To(State.NEW_PARAMETERS, "Ongoing"),
            To(State.NEW_PROFILE, "AC, Finished"),
            To(State.CABLE_CHECK, "DC, Finished"),
        ),
        row(
            State.NEW_PROFILE,
            iso2.PowerDeliveryReq,
            charging.power_delivery,
            To(State.CHARGING_STATUS, "Start"),
            To(State.SESSION_STOP, "Stop"),
        ),
        *(row(state, iso2.SessionStopReq, charging.session_stop, None) for state in _STOPPABLE),
    ),
)
