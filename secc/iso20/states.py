"""The states of an ISO 15118-20 session, each named after what it waits for."""

from enum import StrEnum


class State(StrEnum):
    """What the charger waits for; AC and DC sessions pass through different ones."""

    SESSION_SETUP = "WaitForSessionSetup"
    RESUMPTION = "WaitForResumption"
    AUTHORIZATION_SETUP = "WaitForAuthorizationSetup"
    CONTRACT = "WaitForInstallationOrAuthorization"
    SAME_INSTALLATION = "WaitForSameInstallation"
    AUTHORIZATION = "WaitForAuthorization"
    SERVICE_DISCOVERY = "WaitForServiceDiscovery"
    SERVICE_SELECTION = "WaitForServiceSelection"
    CHARGE_PARAMETERS = "WaitForChargeParameters"
    SCHEDULE = "WaitForScheduleExchange"
    CABLE_CHECK = "WaitForCableCheck"
    PRE_CHARGE = "WaitForPreCharge"
    POWER_DELIVERY = "WaitForPowerDelivery"
    CHARGE_LOOP = "ChargeLoop"
    NEW_SCHEDULE = "WaitForNewSchedule"
    NEW_PROFILE = "WaitForNewProfile"
    WELDING_DETECTION = "WaitForWeldingDetection"
    SESSION_STOP = "WaitForSessionStop"


WHILE_POWER_FLOWS = frozenset({State.CHARGE_LOOP, State.NEW_SCHEDULE, State.NEW_PROFILE})
"""Where the contactor is closed: PowerDelivery has to end these before the session may."""
