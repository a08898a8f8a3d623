"""The services of ISO 15118-20 and the parameters of their sets, by the numbers and names of the messages.

A charger lists services in ServiceDiscoveryRes, describes each in parameter sets (ServiceDetailRes), and the
car selects one set of one energy service, and of as many value added services as it likes.
"""

from enum import IntEnum, StrEnum

from v2g.messages.iso20.common_messages import Parameter, ParameterSet

__all__ = [
    "BptChannel",
    "ConnectorAc",
    "ConnectorDc",
    "ControlMode",
    "GeneratorMode",
    "MobilityNeeds",
    "ParameterName",
    "Pricing",
    "ServiceId",
    "int_parameter",
]


class ServiceId(IntEnum):
    """ServiceID: energy services below 64, value added services from there on."""

    AC = 1
    DC = 2
    WPT = 3
    DC_ACDP = 4
    AC_BPT = 5
    DC_BPT = 6
    DC_ACDP_BPT = 7
    INTERNET = 65
    PARKING_STATUS = 66


class ParameterName(StrEnum):
    """The names of parameters."""

    CONNECTOR = "Connector"
    CONTROL_MODE = "ControlMode"
    NOMINAL_VOLTAGE = "EVSENominalVoltage"
    MOBILITY_NEEDS = "MobilityNeedsMode"
    PRICING = "Pricing"
    BPT_CHANNEL = "BPTChannel"
    GENERATOR_MODE = "GeneratorMode"
    ISLANDING_DETECTION = "GridCodeIslandingDetectionMethod"


class ConnectorAc(IntEnum):
    """``Connector`` of the AC services."""

    SINGLE_PHASE = 1
    THREE_PHASE = 2


class ConnectorDc(IntEnum):
    """``Connector`` of the DC services."""

    CORE = 1
    EXTENDED = 2
    DUAL2 = 3
    DUAL4 = 4


class ControlMode(IntEnum):
    """``ControlMode``: the car follows a schedule, or the charger sets the power."""

    SCHEDULED = 1
    DYNAMIC = 2


class MobilityNeeds(IntEnum):
    """``MobilityNeedsMode``: who says what the driver needs; in scheduled control always the car."""

    EVCC = 1
    SECC = 2


class Pricing(IntEnum):
    """``Pricing``: what kind of prices come with schedules."""

    NONE = 0
    ABSOLUTE = 1
    LEVELS = 2


class BptChannel(IntEnum):
    """``BPTChannel``: both directions in one channel, or a channel for each."""

    UNIFIED = 1
    SEPARATED = 2


class GeneratorMode(IntEnum):
    """``GeneratorMode``: the car follows the grid, or can form one."""

    GRID_FOLLOWING = 1
    GRID_FORMING = 2


def int_parameter(found: ParameterSet, name: ParameterName) -> int | None:
    """Return a parameter that is a whole number, whichever type carries it; None if there is none."""
    for parameter in found.parameter:
        if parameter.name == name:
            return _whole(parameter)
    return None


def _whole(parameter: Parameter) -> int | None:
    for value in (parameter.int_value, parameter.short_value, parameter.byte_value):
        if value is not None:
            return value
    return None
