"""The ISO 15118-2 session of an AC charger as a table [V2G2-541…601].

The rows of DC charging, of CertificateUpdate and of renegotiation go in here, too, when they come.
"""

from secc.iso2 import charging, identification, installation, setup
from secc.iso2.states import State
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
            State.POWER_DELIVERY,
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
        row(State.METERING_RECEIPT, iso2.MeteringReceiptReq, charging.metering_receipt, State.CHARGING),
        row(
            State.CHARGING,
            iso2.PowerDeliveryReq,
            charging.power_delivery_while_charging,
            To(State.SESSION_STOP, "Stop"),
        ),
        *(row(state, iso2.SessionStopReq, charging.session_stop, None) for state in _STOPPABLE),
    ),
)
