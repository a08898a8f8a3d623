"""ISO 15118-20 messages: the schema urn:iso:std:iso:15118:-20:ACDP."""

from enum import StrEnum
from typing import Annotated

from exi.schema import (
    BOOLEAN,
    SHORT,
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.iso20.common_types import (
    PERCENT_VALUE,
    Processing,
    RationalNumber,
    V2GRequest,
    V2GResponse,
)

NAMESPACE = "urn:iso:std:iso:15118:-20:ACDP"
PREFIX = "v2gci_acdp"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "ACDP_ConnectReqType ACDP_ConnectResType ACDP_SystemStatusReqType ACDP_SystemStatusResType "
    "ACDP_VehiclePositioningReqType ACDP_VehiclePositioningResType EVTechnicalStatusType cpStatusType "
    "electricalChargingDeviceStatusType errorCodeType isolationStatusType "
    "mechanicalChargingDeviceStatusType"
)


class ACDP_VehiclePositioningReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ACDP_VehiclePositioningReqType``."""

    ev_mobility_status: Annotated[bool, Element("EVMobilityStatus", BOOLEAN)]
    ev_positioning_support: Annotated[bool, Element("EVPositioningSupport", BOOLEAN)]


class ACDP_VehiclePositioningRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ACDP_VehiclePositioningResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    evse_positioning_support: Annotated[bool, Element("EVSEPositioningSupport", BOOLEAN)]
    ev_relative_x_deviation: Annotated[int, Element("EVRelativeXDeviation", SHORT)]
    ev_relative_y_deviation: Annotated[int, Element("EVRelativeYDeviation", SHORT)]
    contact_window_xc: Annotated[int, Element("ContactWindowXc", SHORT)]
    contact_window_yc: Annotated[int, Element("ContactWindowYc", SHORT)]
    ev_in_charge_position: Annotated[bool, Element("EVInChargePosition", BOOLEAN)]


class ElectricalChargingDeviceStatus(StrEnum):
    """Values of ``electricalChargingDeviceStatusType``, in the order that gives their codes."""

    State_A = "State_A"
    State_B = "State_B"
    State_C = "State_C"
    State_D = "State_D"


class ACDP_ConnectReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ACDP_ConnectReqType``."""

    ev_electrical_charging_device_status: Annotated[
        ElectricalChargingDeviceStatus, Element("EVElectricalChargingDeviceStatus")
    ]


class MechanicalChargingDeviceStatus(StrEnum):
    """Values of ``mechanicalChargingDeviceStatusType``, in the order that gives their codes."""

    Home = "Home"
    Moving = "Moving"
    EndPosition = "EndPosition"


class ACDP_ConnectRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ACDP_ConnectResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    evse_electrical_charging_device_status: Annotated[
        ElectricalChargingDeviceStatus, Element("EVSEElectricalChargingDeviceStatus")
    ]
    evse_mechanical_charging_device_status: Annotated[
        MechanicalChargingDeviceStatus, Element("EVSEMechanicalChargingDeviceStatus")
    ]


class CpStatus(StrEnum):
    """Values of ``cpStatusType``, in the order that gives their codes."""

    StateA = "StateA"
    StateB = "StateB"
    StateC = "StateC"
    StateD = "StateD"
    StateE = "StateE"


class ErrorCode(StrEnum):
    """Values of ``errorCodeType``, in the order that gives their codes."""

    OK_NoEVError = "OK_NoEVError"
    FAILED = "FAILED"
    FAILED_EmergencyEvent = "FAILED_EmergencyEvent"
    FAILED_Breaker = "FAILED_Breaker"
    FAILED_RESSTemperatureInhibit = "FAILED_RESSTemperatureInhibit"
    FAILED_RESS = "FAILED_RESS"
    FAILED_ChargingCurrentDifferential = "FAILED_ChargingCurrentDifferential"
    FAILED_ChargingVoltageOutOfRange = "FAILED_ChargingVoltageOutOfRange"
    FAILED_Reserved1 = "FAILED_Reserved1"
    FAILED_Reserved2 = "FAILED_Reserved2"


class EVTechnicalStatus(XsdType, kw_only=True, metaclass=Message):
    """``EVTechnicalStatusType``."""

    ev_ready_to_charge: Annotated[bool, Element("EVReadyToCharge", BOOLEAN)]
    ev_immobilization_request: Annotated[bool, Element("EVImmobilizationRequest", BOOLEAN)]
    ev_immobilized: Annotated[bool | None, Element("EVImmobilized", BOOLEAN)] = None
    ev_wlan_strength: Annotated[RationalNumber | None, Element("EVWLANStrength")] = None
    ev_cp_status: Annotated[CpStatus | None, Element("EVCPStatus")] = None
    ev_soc: Annotated[int | None, Element("EVSOC", PERCENT_VALUE)] = None
    ev_error_code: Annotated[ErrorCode | None, Element("EVErrorCode")] = None
    ev_timeout: Annotated[bool | None, Element("EVTimeout", BOOLEAN)] = None


class ACDP_SystemStatusReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ACDP_SystemStatusReqType``."""

    ev_technical_status: Annotated[EVTechnicalStatus, Element("EVTechnicalStatus")]


class IsolationStatus(StrEnum):
    """Values of ``isolationStatusType``, in the order that gives their codes."""

    Invalid = "Invalid"
    Safe = "Safe"
    Warning = "Warning"
    Fault = "Fault"


class ACDP_SystemStatusRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ACDP_SystemStatusResType``."""

    evse_mechanical_charging_device_status: Annotated[
        MechanicalChargingDeviceStatus, Element("EVSEMechanicalChargingDeviceStatus")
    ]
    evse_ready_to_charge: Annotated[bool, Element("EVSEReadyToCharge", BOOLEAN)]
    evse_isolation_status: Annotated[IsolationStatus, Element("EVSEIsolationStatus")]
    evse_disabled: Annotated[bool, Element("EVSEDisabled", BOOLEAN)]
    evse_utility_interrupt_event: Annotated[bool, Element("EVSEUtilityInterruptEvent", BOOLEAN)]
    evse_emergency_shutdown: Annotated[bool, Element("EVSEEmergencyShutdown", BOOLEAN)]
    evse_malfunction: Annotated[bool, Element("EVSEMalfunction", BOOLEAN)]
    ev_in_charge_position: Annotated[bool, Element("EVInChargePosition", BOOLEAN)]
    ev_association_status: Annotated[bool, Element("EVAssociationStatus", BOOLEAN)]


class ACDP_DisconnectReq(ACDP_ConnectReq, kw_only=True, metaclass=Message):
    """The element ``ACDP_DisconnectReq``, which has the type of ``ACDP_ConnectReq``."""


class ACDP_DisconnectRes(ACDP_ConnectRes, kw_only=True, metaclass=Message):
    """The element ``ACDP_DisconnectRes``, which has the type of ``ACDP_ConnectRes``."""


ELEMENTS = (
    GlobalElement("ACDP_VehiclePositioningReq", ACDP_VehiclePositioningReq),
    GlobalElement("ACDP_VehiclePositioningRes", ACDP_VehiclePositioningRes),
    GlobalElement("ACDP_ConnectReq", ACDP_ConnectReq),
    GlobalElement("ACDP_ConnectRes", ACDP_ConnectRes),
    GlobalElement("ACDP_DisconnectReq", ACDP_DisconnectReq),
    GlobalElement("ACDP_DisconnectRes", ACDP_DisconnectRes),
    GlobalElement("ACDP_SystemStatusReq", ACDP_SystemStatusReq),
    GlobalElement("ACDP_SystemStatusRes", ACDP_SystemStatusRes),
)
