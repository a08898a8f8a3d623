"""ISO 15118-20 messages: the schema urn:iso:std:iso:15118:-20:DC."""

from typing import Annotated

from exi.schema import (
    BOOLEAN,
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.iso20.common_types import (
    NAMESPACE as COMMON_TYPES,
)
from v2g.messages.iso20.common_types import (
    PERCENT_VALUE,
    ChargeLoopReq,
    ChargeLoopRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    CLReqControlMode,
    CLResControlMode,
    Dynamic_CLReqControlMode,
    Dynamic_CLResControlMode,
    Processing,
    RationalNumber,
    Scheduled_CLReqControlMode,
    Scheduled_CLResControlMode,
    V2GRequest,
    V2GResponse,
)

NAMESPACE = "urn:iso:std:iso:15118:-20:DC"
PREFIX = "v2gci_dc"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "BPT_DC_CPDReqEnergyTransferModeType BPT_DC_CPDResEnergyTransferModeType "
    "BPT_Dynamic_DC_CLReqControlModeType BPT_Dynamic_DC_CLResControlModeType "
    "BPT_Scheduled_DC_CLReqControlModeType BPT_Scheduled_DC_CLResControlModeType "
    "DC_CPDReqEnergyTransferModeType DC_CPDResEnergyTransferModeType DC_CableCheckReqType "
    "DC_CableCheckResType DC_ChargeLoopReqType DC_ChargeLoopResType DC_ChargeParameterDiscoveryReqType "
    "DC_ChargeParameterDiscoveryResType DC_PreChargeReqType DC_PreChargeResType "
    "DC_WeldingDetectionReqType DC_WeldingDetectionResType Dynamic_DC_CLReqControlModeType "
    "Dynamic_DC_CLResControlModeType Scheduled_DC_CLReqControlModeType Scheduled_DC_CLResControlModeType"
)


class DC_CPDReqEnergyTransferMode(XsdType, kw_only=True, metaclass=Message):
    """``DC_CPDReqEnergyTransferModeType``."""

    ev_maximum_charge_power: Annotated[RationalNumber, Element("EVMaximumChargePower")]
    ev_minimum_charge_power: Annotated[RationalNumber, Element("EVMinimumChargePower")]
    ev_maximum_charge_current: Annotated[RationalNumber, Element("EVMaximumChargeCurrent")]
    ev_minimum_charge_current: Annotated[RationalNumber, Element("EVMinimumChargeCurrent")]
    ev_maximum_voltage: Annotated[RationalNumber, Element("EVMaximumVoltage")]
    ev_minimum_voltage: Annotated[RationalNumber, Element("EVMinimumVoltage")]
    target_soc: Annotated[int | None, Element("TargetSOC", PERCENT_VALUE)] = None


class DC_ChargeParameterDiscoveryReq(ChargeParameterDiscoveryReq, kw_only=True, metaclass=Message):
    """``DC_ChargeParameterDiscoveryReqType``."""

    dc_cpd_req_energy_transfer_mode: Annotated[
        DC_CPDReqEnergyTransferMode, Element("DC_CPDReqEnergyTransferMode", ref=True)
    ]


class DC_CPDResEnergyTransferMode(XsdType, kw_only=True, metaclass=Message):
    """``DC_CPDResEnergyTransferModeType``."""

    evse_maximum_charge_power: Annotated[RationalNumber, Element("EVSEMaximumChargePower")]
    evse_minimum_charge_power: Annotated[RationalNumber, Element("EVSEMinimumChargePower")]
    evse_maximum_charge_current: Annotated[RationalNumber, Element("EVSEMaximumChargeCurrent")]
    evse_minimum_charge_current: Annotated[RationalNumber, Element("EVSEMinimumChargeCurrent")]
    evse_maximum_voltage: Annotated[RationalNumber, Element("EVSEMaximumVoltage")]
    evse_minimum_voltage: Annotated[RationalNumber, Element("EVSEMinimumVoltage")]
    evse_power_ramp_limitation: Annotated[RationalNumber | None, Element("EVSEPowerRampLimitation")] = None


class DC_ChargeParameterDiscoveryRes(ChargeParameterDiscoveryRes, kw_only=True, metaclass=Message):
    """``DC_ChargeParameterDiscoveryResType``."""

    dc_cpd_res_energy_transfer_mode: Annotated[
        DC_CPDResEnergyTransferMode, Element("DC_CPDResEnergyTransferMode", ref=True)
    ]


class DC_CableCheckReq(V2GRequest, kw_only=True, metaclass=Message):
    """``DC_CableCheckReqType``."""


class DC_CableCheckRes(V2GResponse, kw_only=True, metaclass=Message):
    """``DC_CableCheckResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]


class DC_PreChargeReq(V2GRequest, kw_only=True, metaclass=Message):
    """``DC_PreChargeReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]
    ev_present_voltage: Annotated[RationalNumber, Element("EVPresentVoltage")]
    ev_target_voltage: Annotated[RationalNumber, Element("EVTargetVoltage")]


class DC_PreChargeRes(V2GResponse, kw_only=True, metaclass=Message):
    """``DC_PreChargeResType``."""

    evse_present_voltage: Annotated[RationalNumber, Element("EVSEPresentVoltage")]


class DC_ChargeLoopReq(ChargeLoopReq, kw_only=True, metaclass=Message):
    """``DC_ChargeLoopReqType``."""

    ev_present_voltage: Annotated[RationalNumber, Element("EVPresentVoltage")]
    cl_req_control_mode: Annotated[CLReqControlMode, Element("CLReqControlMode", ns=COMMON_TYPES, ref=True)]


class DC_ChargeLoopRes(ChargeLoopRes, kw_only=True, metaclass=Message):
    """``DC_ChargeLoopResType``."""

    evse_present_current: Annotated[RationalNumber, Element("EVSEPresentCurrent")]
    evse_present_voltage: Annotated[RationalNumber, Element("EVSEPresentVoltage")]
    evse_power_limit_achieved: Annotated[bool, Element("EVSEPowerLimitAchieved", BOOLEAN)]
    evse_current_limit_achieved: Annotated[bool, Element("EVSECurrentLimitAchieved", BOOLEAN)]
    evse_voltage_limit_achieved: Annotated[bool, Element("EVSEVoltageLimitAchieved", BOOLEAN)]
    cl_res_control_mode: Annotated[CLResControlMode, Element("CLResControlMode", ns=COMMON_TYPES, ref=True)]


class DC_WeldingDetectionReq(V2GRequest, kw_only=True, metaclass=Message):
    """``DC_WeldingDetectionReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]


class DC_WeldingDetectionRes(V2GResponse, kw_only=True, metaclass=Message):
    """``DC_WeldingDetectionResType``."""

    evse_present_voltage: Annotated[RationalNumber, Element("EVSEPresentVoltage")]


class BPT_DC_CPDReqEnergyTransferMode(DC_CPDReqEnergyTransferMode, kw_only=True, metaclass=Message):
    """``BPT_DC_CPDReqEnergyTransferModeType``."""

    ev_maximum_discharge_power: Annotated[RationalNumber, Element("EVMaximumDischargePower")]
    ev_minimum_discharge_power: Annotated[RationalNumber, Element("EVMinimumDischargePower")]
    ev_maximum_discharge_current: Annotated[RationalNumber, Element("EVMaximumDischargeCurrent")]
    ev_minimum_discharge_current: Annotated[RationalNumber, Element("EVMinimumDischargeCurrent")]


class BPT_DC_CPDResEnergyTransferMode(DC_CPDResEnergyTransferMode, kw_only=True, metaclass=Message):
    """``BPT_DC_CPDResEnergyTransferModeType``."""

    evse_maximum_discharge_power: Annotated[RationalNumber, Element("EVSEMaximumDischargePower")]
    evse_minimum_discharge_power: Annotated[RationalNumber, Element("EVSEMinimumDischargePower")]
    evse_maximum_discharge_current: Annotated[RationalNumber, Element("EVSEMaximumDischargeCurrent")]
    evse_minimum_discharge_current: Annotated[RationalNumber, Element("EVSEMinimumDischargeCurrent")]


class Scheduled_DC_CLReqControlMode(Scheduled_CLReqControlMode, kw_only=True, metaclass=Message):
    """``Scheduled_DC_CLReqControlModeType``."""

    ev_target_current: Annotated[RationalNumber, Element("EVTargetCurrent")]
    ev_target_voltage: Annotated[RationalNumber, Element("EVTargetVoltage")]
    ev_maximum_charge_power: Annotated[RationalNumber | None, Element("EVMaximumChargePower")] = None
    ev_minimum_charge_power: Annotated[RationalNumber | None, Element("EVMinimumChargePower")] = None
    ev_maximum_charge_current: Annotated[RationalNumber | None, Element("EVMaximumChargeCurrent")] = None
    ev_maximum_voltage: Annotated[RationalNumber | None, Element("EVMaximumVoltage")] = None
    ev_minimum_voltage: Annotated[RationalNumber | None, Element("EVMinimumVoltage")] = None


class Scheduled_DC_CLResControlMode(Scheduled_CLResControlMode, kw_only=True, metaclass=Message):
    """``Scheduled_DC_CLResControlModeType``."""

    evse_maximum_charge_power: Annotated[RationalNumber | None, Element("EVSEMaximumChargePower")] = None
    evse_minimum_charge_power: Annotated[RationalNumber | None, Element("EVSEMinimumChargePower")] = None
    evse_maximum_charge_current: Annotated[RationalNumber | None, Element("EVSEMaximumChargeCurrent")] = None
    evse_maximum_voltage: Annotated[RationalNumber | None, Element("EVSEMaximumVoltage")] = None


class BPT_Scheduled_DC_CLReqControlMode(Scheduled_DC_CLReqControlMode, kw_only=True, metaclass=Message):
    """``BPT_Scheduled_DC_CLReqControlModeType``."""

    ev_maximum_discharge_power: Annotated[RationalNumber | None, Element("EVMaximumDischargePower")] = None
    ev_minimum_discharge_power: Annotated[RationalNumber | None, Element("EVMinimumDischargePower")] = None
    ev_maximum_discharge_current: Annotated[RationalNumber | None, Element("EVMaximumDischargeCurrent")] = (
        None
    )


class BPT_Scheduled_DC_CLResControlMode(Scheduled_DC_CLResControlMode, kw_only=True, metaclass=Message):
    """``BPT_Scheduled_DC_CLResControlModeType``."""

    evse_maximum_discharge_power: Annotated[RationalNumber | None, Element("EVSEMaximumDischargePower")] = (
        None
    )
    evse_minimum_discharge_power: Annotated[RationalNumber | None, Element("EVSEMinimumDischargePower")] = (
        None
    )
    evse_maximum_discharge_current: Annotated[
        RationalNumber | None, Element("EVSEMaximumDischargeCurrent")
    ] = None
    evse_minimum_voltage: Annotated[RationalNumber | None, Element("EVSEMinimumVoltage")] = None


class Dynamic_DC_CLReqControlMode(Dynamic_CLReqControlMode, kw_only=True, metaclass=Message):
    """``Dynamic_DC_CLReqControlModeType``."""

    ev_maximum_charge_power: Annotated[RationalNumber, Element("EVMaximumChargePower")]
    ev_minimum_charge_power: Annotated[RationalNumber, Element("EVMinimumChargePower")]
    ev_maximum_charge_current: Annotated[RationalNumber, Element("EVMaximumChargeCurrent")]
    ev_maximum_voltage: Annotated[RationalNumber, Element("EVMaximumVoltage")]
    ev_minimum_voltage: Annotated[RationalNumber, Element("EVMinimumVoltage")]


class Dynamic_DC_CLResControlMode(Dynamic_CLResControlMode, kw_only=True, metaclass=Message):
    """``Dynamic_DC_CLResControlModeType``."""

    evse_maximum_charge_power: Annotated[RationalNumber, Element("EVSEMaximumChargePower")]
    evse_minimum_charge_power: Annotated[RationalNumber, Element("EVSEMinimumChargePower")]
    evse_maximum_charge_current: Annotated[RationalNumber, Element("EVSEMaximumChargeCurrent")]
    evse_maximum_voltage: Annotated[RationalNumber, Element("EVSEMaximumVoltage")]


class BPT_Dynamic_DC_CLReqControlMode(Dynamic_DC_CLReqControlMode, kw_only=True, metaclass=Message):
    """``BPT_Dynamic_DC_CLReqControlModeType``."""

    ev_maximum_discharge_power: Annotated[RationalNumber, Element("EVMaximumDischargePower")]
    ev_minimum_discharge_power: Annotated[RationalNumber, Element("EVMinimumDischargePower")]
    ev_maximum_discharge_current: Annotated[RationalNumber, Element("EVMaximumDischargeCurrent")]
    ev_maximum_v2x_energy_request: Annotated[RationalNumber | None, Element("EVMaximumV2XEnergyRequest")] = (
        None
    )
    ev_minimum_v2x_energy_request: Annotated[RationalNumber | None, Element("EVMinimumV2XEnergyRequest")] = (
        None
    )


class BPT_Dynamic_DC_CLResControlMode(Dynamic_DC_CLResControlMode, kw_only=True, metaclass=Message):
    """``BPT_Dynamic_DC_CLResControlModeType``."""

    evse_maximum_discharge_power: Annotated[RationalNumber, Element("EVSEMaximumDischargePower")]
    evse_minimum_discharge_power: Annotated[RationalNumber, Element("EVSEMinimumDischargePower")]
    evse_maximum_discharge_current: Annotated[RationalNumber, Element("EVSEMaximumDischargeCurrent")]
    evse_minimum_voltage: Annotated[RationalNumber, Element("EVSEMinimumVoltage")]


ELEMENTS = (
    GlobalElement("DC_ChargeParameterDiscoveryReq", DC_ChargeParameterDiscoveryReq),
    GlobalElement("DC_ChargeParameterDiscoveryRes", DC_ChargeParameterDiscoveryRes),
    GlobalElement("DC_CableCheckReq", DC_CableCheckReq),
    GlobalElement("DC_CableCheckRes", DC_CableCheckRes),
    GlobalElement("DC_PreChargeReq", DC_PreChargeReq),
    GlobalElement("DC_PreChargeRes", DC_PreChargeRes),
    GlobalElement("DC_ChargeLoopReq", DC_ChargeLoopReq),
    GlobalElement("DC_ChargeLoopRes", DC_ChargeLoopRes),
    GlobalElement("DC_WeldingDetectionReq", DC_WeldingDetectionReq),
    GlobalElement("DC_WeldingDetectionRes", DC_WeldingDetectionRes),
    GlobalElement("DC_CPDReqEnergyTransferMode", DC_CPDReqEnergyTransferMode),
    GlobalElement("DC_CPDResEnergyTransferMode", DC_CPDResEnergyTransferMode),
    GlobalElement(
        "BPT_DC_CPDReqEnergyTransferMode",
        BPT_DC_CPDReqEnergyTransferMode,
        substitutes="DC_CPDReqEnergyTransferMode",
    ),
    GlobalElement(
        "BPT_DC_CPDResEnergyTransferMode",
        BPT_DC_CPDResEnergyTransferMode,
        substitutes="DC_CPDResEnergyTransferMode",
    ),
    GlobalElement(
        "Scheduled_DC_CLReqControlMode",
        Scheduled_DC_CLReqControlMode,
        substitutes="CLReqControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "Scheduled_DC_CLResControlMode",
        Scheduled_DC_CLResControlMode,
        substitutes="CLResControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "BPT_Scheduled_DC_CLReqControlMode",
        BPT_Scheduled_DC_CLReqControlMode,
        substitutes="Scheduled_DC_CLReqControlMode",
    ),
    GlobalElement(
        "BPT_Scheduled_DC_CLResControlMode",
        BPT_Scheduled_DC_CLResControlMode,
        substitutes="Scheduled_DC_CLResControlMode",
    ),
    GlobalElement(
        "Dynamic_DC_CLReqControlMode",
        Dynamic_DC_CLReqControlMode,
        substitutes="CLReqControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "Dynamic_DC_CLResControlMode",
        Dynamic_DC_CLResControlMode,
        substitutes="CLResControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "BPT_Dynamic_DC_CLReqControlMode",
        BPT_Dynamic_DC_CLReqControlMode,
        substitutes="Dynamic_DC_CLReqControlMode",
    ),
    GlobalElement(
        "BPT_Dynamic_DC_CLResControlMode",
        BPT_Dynamic_DC_CLResControlMode,
        substitutes="Dynamic_DC_CLResControlMode",
    ),
)
