"""The states of a DIN 70121 session, each named after what it waits for."""

from enum import StrEnum


class State(StrEnum):
    """What the charger waits for."""

    SESSION_SETUP = "WaitForSessionSetup"
    SERVICE_DISCOVERY = "WaitForServiceDiscovery"
    SERVICE_SELECTION = "WaitForServicePaymentSelection"
    AUTHENTICATION = "WaitForContractAuthentication"
    CHARGE_PARAMETERS = "WaitForChargeParameters"
    CABLE_CHECK = "WaitForCableCheck"
    PRE_CHARGE = "WaitForPreCharge"
    PRE_CHARGED = "WaitForPreChargeOrPowerDelivery"
    CURRENT_DEMAND = "WaitForCurrentDemand"
    CHARGING_DC = "Charging"
    WELDING_DETECTION = "WaitForWeldingDetection"


WHILE_POWER_FLOWS = frozenset({State.CURRENT_DEMAND, State.CHARGING_DC})
"""Where the contactor is closed."""
