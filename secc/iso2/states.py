"""The states of an ISO 15118-2 session, each named after what it waits for."""

from enum import StrEnum


class State(StrEnum):
    """What the charger waits for [V2G2-541…601]."""

    SESSION_SETUP = "WaitForSessionSetup"
    SERVICE_DISCOVERY = "WaitForServiceDiscovery"
    SERVICE_SELECTION = "WaitForServiceSelection"
    CONTRACT = "WaitForContract"
    PAYMENT_DETAILS = "WaitForPaymentDetails"
    SIGNED_AUTHORIZATION = "WaitForSignedAuthorization"
    AUTHORIZATION = "WaitForAuthorization"
    CHARGE_PARAMETERS = "WaitForChargeParameters"
    POWER_DELIVERY = "WaitForPowerDelivery"
    CHARGING_STATUS = "WaitForChargingStatus"
    CHARGING = "Charging"
    METERING_RECEIPT = "WaitForMeteringReceipt"
    SESSION_STOP = "WaitForSessionStop"
