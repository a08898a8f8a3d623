"""ISO 15118-20 messages: the schema urn:iso:std:iso:15118:-20:AC."""

from typing import Annotated

from exi.schema import (
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.iso20.common_types import (
    NAMESPACE as COMMON_TYPES,
)
from v2g.messages.iso20.common_types import (
    ChargeLoopReq,
    ChargeLoopRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    CLReqControlMode,
    CLResControlMode,
    Dynamic_CLReqControlMode,
    Dynamic_CLResControlMode,
    RationalNumber,
    Scheduled_CLReqControlMode,
    Scheduled_CLResControlMode,
)

NAMESPACE = "urn:iso:std:iso:15118:-20:AC"
PREFIX = "v2gci_ac"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "AC_CPDReqEnergyTransferModeType AC_CPDResEnergyTransferModeType AC_ChargeLoopReqType "
    "AC_ChargeLoopResType AC_ChargeParameterDiscoveryReqType AC_ChargeParameterDiscoveryResType "
    "BPT_AC_CPDReqEnergyTransferModeType BPT_AC_CPDResEnergyTransferModeType "
    "BPT_Dynamic_AC_CLReqControlModeType BPT_Dynamic_AC_CLResControlModeType "
    "BPT_Scheduled_AC_CLReqControlModeType BPT_Scheduled_AC_CLResControlModeType "
    "Dynamic_AC_CLReqControlModeType Dynamic_AC_CLResControlModeType Scheduled_AC_CLReqControlModeType "
    "Scheduled_AC_CLResControlModeType"
)


class AC_CPDReqEnergyTransferMode(XsdType, kw_only=True, metaclass=Message):
    """``AC_CPDReqEnergyTransferModeType``."""

    ev_maximum_charge_power: Annotated[RationalNumber, Element("EVMaximumChargePower")]
    ev_maximum_charge_power_l2: Annotated[RationalNumber | None, Element("EVMaximumChargePower_L2")] = None
    ev_maximum_charge_power_l3: Annotated[RationalNumber | None, Element("EVMaximumChargePower_L3")] = None
    ev_minimum_charge_power: Annotated[RationalNumber, Element("EVMinimumChargePower")]
    ev_minimum_charge_power_l2: Annotated[RationalNumber | None, Element("EVMinimumChargePower_L2")] = None
    ev_minimum_charge_power_l3: Annotated[RationalNumber | None, Element("EVMinimumChargePower_L3")] = None


class AC_ChargeParameterDiscoveryReq(ChargeParameterDiscoveryReq, kw_only=True, metaclass=Message):
    """``AC_ChargeParameterDiscoveryReqType``."""

    ac_cpd_req_energy_transfer_mode: Annotated[
        AC_CPDReqEnergyTransferMode, Element("AC_CPDReqEnergyTransferMode", ref=True)
    ]


class AC_CPDResEnergyTransferMode(XsdType, kw_only=True, metaclass=Message):
    """``AC_CPDResEnergyTransferModeType``."""

    evse_maximum_charge_power: Annotated[RationalNumber, Element("EVSEMaximumChargePower")]
    evse_maximum_charge_power_l2: Annotated[RationalNumber | None, Element("EVSEMaximumChargePower_L2")] = (
        None
    )
    evse_maximum_charge_power_l3: Annotated[RationalNumber | None, Element("EVSEMaximumChargePower_L3")] = (
        None
    )
    evse_minimum_charge_power: Annotated[RationalNumber, Element("EVSEMinimumChargePower")]
    evse_minimum_charge_power_l2: Annotated[RationalNumber | None, Element("EVSEMinimumChargePower_L2")] = (
        None
    )
    evse_minimum_charge_power_l3: Annotated[RationalNumber | None, Element("EVSEMinimumChargePower_L3")] = (
        None
    )
    evse_nominal_frequency: Annotated[RationalNumber, Element("EVSENominalFrequency")]
    maximum_power_asymmetry: Annotated[RationalNumber | None, Element("MaximumPowerAsymmetry")] = None
    evse_power_ramp_limitation: Annotated[RationalNumber | None, Element("EVSEPowerRampLimitation")] = None
    evse_present_active_power: Annotated[RationalNumber | None, Element("EVSEPresentActivePower")] = None
    evse_present_active_power_l2: Annotated[RationalNumber | None, Element("EVSEPresentActivePower_L2")] = (
        None
    )
    evse_present_active_power_l3: Annotated[RationalNumber | None, Element("EVSEPresentActivePower_L3")] = (
        None
    )


class AC_ChargeParameterDiscoveryRes(ChargeParameterDiscoveryRes, kw_only=True, metaclass=Message):
    """``AC_ChargeParameterDiscoveryResType``."""

    ac_cpd_res_energy_transfer_mode: Annotated[
        AC_CPDResEnergyTransferMode, Element("AC_CPDResEnergyTransferMode", ref=True)
    ]


class AC_ChargeLoopReq(ChargeLoopReq, kw_only=True, metaclass=Message):
    """``AC_ChargeLoopReqType``."""

    cl_req_control_mode: Annotated[CLReqControlMode, Element("CLReqControlMode", ns=COMMON_TYPES, ref=True)]


class AC_ChargeLoopRes(ChargeLoopRes, kw_only=True, metaclass=Message):
    """``AC_ChargeLoopResType``."""

    evse_target_frequency: Annotated[RationalNumber | None, Element("EVSETargetFrequency")] = None
    cl_res_control_mode: Annotated[CLResControlMode, Element("CLResControlMode", ns=COMMON_TYPES, ref=True)]


class BPT_AC_CPDReqEnergyTransferMode(AC_CPDReqEnergyTransferMode, kw_only=True, metaclass=Message):
    """``BPT_AC_CPDReqEnergyTransferModeType``."""

    ev_maximum_discharge_power: Annotated[RationalNumber, Element("EVMaximumDischargePower")]
    ev_maximum_discharge_power_l2: Annotated[RationalNumber | None, Element("EVMaximumDischargePower_L2")] = (
        None
    )
    ev_maximum_discharge_power_l3: Annotated[RationalNumber | None, Element("EVMaximumDischargePower_L3")] = (
        None
    )
    ev_minimum_discharge_power: Annotated[RationalNumber, Element("EVMinimumDischargePower")]
    ev_minimum_discharge_power_l2: Annotated[RationalNumber | None, Element("EVMinimumDischargePower_L2")] = (
        None
    )
    ev_minimum_discharge_power_l3: Annotated[RationalNumber | None, Element("EVMinimumDischargePower_L3")] = (
        None
    )


class BPT_AC_CPDResEnergyTransferMode(AC_CPDResEnergyTransferMode, kw_only=True, metaclass=Message):
    """``BPT_AC_CPDResEnergyTransferModeType``."""

    evse_maximum_discharge_power: Annotated[RationalNumber, Element("EVSEMaximumDischargePower")]
    evse_maximum_discharge_power_l2: Annotated[
        RationalNumber | None, Element("EVSEMaximumDischargePower_L2")
    ] = None
    evse_maximum_discharge_power_l3: Annotated[
        RationalNumber | None, Element("EVSEMaximumDischargePower_L3")
    ] = None
    evse_minimum_discharge_power: Annotated[RationalNumber, Element("EVSEMinimumDischargePower")]
    evse_minimum_discharge_power_l2: Annotated[
        RationalNumber | None, Element("EVSEMinimumDischargePower_L2")
    ] = None
    evse_minimum_discharge_power_l3: Annotated[
        RationalNumber | None, Element("EVSEMinimumDischargePower_L3")
    ] = None


class Scheduled_AC_CLReqControlMode(Scheduled_CLReqControlMode, kw_only=True, metaclass=Message):
    """``Scheduled_AC_CLReqControlModeType``."""

    ev_maximum_charge_power: Annotated[RationalNumber | None, Element("EVMaximumChargePower")] = None
    ev_maximum_charge_power_l2: Annotated[RationalNumber | None, Element("EVMaximumChargePower_L2")] = None
    ev_maximum_charge_power_l3: Annotated[RationalNumber | None, Element("EVMaximumChargePower_L3")] = None
    ev_minimum_charge_power: Annotated[RationalNumber | None, Element("EVMinimumChargePower")] = None
    ev_minimum_charge_power_l2: Annotated[RationalNumber | None, Element("EVMinimumChargePower_L2")] = None
    ev_minimum_charge_power_l3: Annotated[RationalNumber | None, Element("EVMinimumChargePower_L3")] = None
    ev_present_active_power: Annotated[RationalNumber, Element("EVPresentActivePower")]
    ev_present_active_power_l2: Annotated[RationalNumber | None, Element("EVPresentActivePower_L2")] = None
    ev_present_active_power_l3: Annotated[RationalNumber | None, Element("EVPresentActivePower_L3")] = None
    ev_present_reactive_power: Annotated[RationalNumber | None, Element("EVPresentReactivePower")] = None
    ev_present_reactive_power_l2: Annotated[RationalNumber | None, Element("EVPresentReactivePower_L2")] = (
        None
    )
    ev_present_reactive_power_l3: Annotated[RationalNumber | None, Element("EVPresentReactivePower_L3")] = (
        None
    )


class Scheduled_AC_CLResControlMode(Scheduled_CLResControlMode, kw_only=True, metaclass=Message):
    """``Scheduled_AC_CLResControlModeType``."""

    evse_target_active_power: Annotated[RationalNumber | None, Element("EVSETargetActivePower")] = None
    evse_target_active_power_l2: Annotated[RationalNumber | None, Element("EVSETargetActivePower_L2")] = None
    evse_target_active_power_l3: Annotated[RationalNumber | None, Element("EVSETargetActivePower_L3")] = None
    evse_target_reactive_power: Annotated[RationalNumber | None, Element("EVSETargetReactivePower")] = None
    evse_target_reactive_power_l2: Annotated[RationalNumber | None, Element("EVSETargetReactivePower_L2")] = (
        None
    )
    evse_target_reactive_power_l3: Annotated[RationalNumber | None, Element("EVSETargetReactivePower_L3")] = (
        None
    )
    evse_present_active_power: Annotated[RationalNumber | None, Element("EVSEPresentActivePower")] = None
    evse_present_active_power_l2: Annotated[RationalNumber | None, Element("EVSEPresentActivePower_L2")] = (
        None
    )
    evse_present_active_power_l3: Annotated[RationalNumber | None, Element("EVSEPresentActivePower_L3")] = (
        None
    )


class BPT_Scheduled_AC_CLReqControlMode(Scheduled_AC_CLReqControlMode, kw_only=True, metaclass=Message):
    """``BPT_Scheduled_AC_CLReqControlModeType``."""

    ev_maximum_discharge_power: Annotated[RationalNumber | None, Element("EVMaximumDischargePower")] = None
    ev_maximum_discharge_power_l2: Annotated[RationalNumber | None, Element("EVMaximumDischargePower_L2")] = (
        None
    )
    ev_maximum_discharge_power_l3: Annotated[RationalNumber | None, Element("EVMaximumDischargePower_L3")] = (
        None
    )
    ev_minimum_discharge_power: Annotated[RationalNumber | None, Element("EVMinimumDischargePower")] = None
    ev_minimum_discharge_power_l2: Annotated[RationalNumber | None, Element("EVMinimumDischargePower_L2")] = (
        None
    )
    ev_minimum_discharge_power_l3: Annotated[RationalNumber | None, Element("EVMinimumDischargePower_L3")] = (
        None
    )


class BPT_Scheduled_AC_CLResControlMode(Scheduled_AC_CLResControlMode, kw_only=True, metaclass=Message):
    """``BPT_Scheduled_AC_CLResControlModeType``."""


class Dynamic_AC_CLReqControlMode(Dynamic_CLReqControlMode, kw_only=True, metaclass=Message):
    """``Dynamic_AC_CLReqControlModeType``."""

    ev_maximum_charge_power: Annotated[RationalNumber, Element("EVMaximumChargePower")]
    ev_maximum_charge_power_l2: Annotated[RationalNumber | None, Element("EVMaximumChargePower_L2")] = None
    ev_maximum_charge_power_l3: Annotated[RationalNumber | None, Element("EVMaximumChargePower_L3")] = None
    ev_minimum_charge_power: Annotated[RationalNumber, Element("EVMinimumChargePower")]
    ev_minimum_charge_power_l2: Annotated[RationalNumber | None, Element("EVMinimumChargePower_L2")] = None
    ev_minimum_charge_power_l3: Annotated[RationalNumber | None, Element("EVMinimumChargePower_L3")] = None
    ev_present_active_power: Annotated[RationalNumber, Element("EVPresentActivePower")]
    ev_present_active_power_l2: Annotated[RationalNumber | None, Element("EVPresentActivePower_L2")] = None
    ev_present_active_power_l3: Annotated[RationalNumber | None, Element("EVPresentActivePower_L3")] = None
    ev_present_reactive_power: Annotated[RationalNumber, Element("EVPresentReactivePower")]
    ev_present_reactive_power_l2: Annotated[RationalNumber | None, Element("EVPresentReactivePower_L2")] = (
        None
    )
    ev_present_reactive_power_l3: Annotated[RationalNumber | None, Element("EVPresentReactivePower_L3")] = (
        None
    )


class Dynamic_AC_CLResControlMode(Dynamic_CLResControlMode, kw_only=True, metaclass=Message):
    """``Dynamic_AC_CLResControlModeType``."""

    evse_target_active_power: Annotated[RationalNumber, Element("EVSETargetActivePower")]
    evse_target_active_power_l2: Annotated[RationalNumber | None, Element("EVSETargetActivePower_L2")] = None
    evse_target_active_power_l3: Annotated[RationalNumber | None, Element("EVSETargetActivePower_L3")] = None
    evse_target_reactive_power: Annotated[RationalNumber | None, Element("EVSETargetReactivePower")] = None
    evse_target_reactive_power_l2: Annotated[RationalNumber | None, Element("EVSETargetReactivePower_L2")] = (
        None
    )
    evse_target_reactive_power_l3: Annotated[RationalNumber | None, Element("EVSETargetReactivePower_L3")] = (
        None
    )
    evse_present_active_power: Annotated[RationalNumber | None, Element("EVSEPresentActivePower")] = None
    evse_present_active_power_l2: Annotated[RationalNumber | None, Element("EVSEPresentActivePower_L2")] = (
        None
    )
    evse_present_active_power_l3: Annotated[RationalNumber | None, Element("EVSEPresentActivePower_L3")] = (
        None
    )


class BPT_Dynamic_AC_CLReqControlMode(Dynamic_AC_CLReqControlMode, kw_only=True, metaclass=Message):
    """``BPT_Dynamic_AC_CLReqControlModeType``."""

    ev_maximum_discharge_power: Annotated[RationalNumber, Element("EVMaximumDischargePower")]
    ev_maximum_discharge_power_l2: Annotated[RationalNumber | None, Element("EVMaximumDischargePower_L2")] = (
        None
    )
    ev_maximum_discharge_power_l3: Annotated[RationalNumber | None, Element("EVMaximumDischargePower_L3")] = (
        None
    )
    ev_minimum_discharge_power: Annotated[RationalNumber, Element("EVMinimumDischargePower")]
    ev_minimum_discharge_power_l2: Annotated[RationalNumber | None, Element("EVMinimumDischargePower_L2")] = (
        None
    )
    ev_minimum_discharge_power_l3: Annotated[RationalNumber | None, Element("EVMinimumDischargePower_L3")] = (
        None
    )
    ev_maximum_v2x_energy_request: Annotated[RationalNumber | None, Element("EVMaximumV2XEnergyRequest")] = (
        None
    )
    ev_minimum_v2x_energy_request: Annotated[RationalNumber | None, Element("EVMinimumV2XEnergyRequest")] = (
        None
    )


class BPT_Dynamic_AC_CLResControlMode(Dynamic_AC_CLResControlMode, kw_only=True, metaclass=Message):
    """``BPT_Dynamic_AC_CLResControlModeType``."""


ELEMENTS = (
    GlobalElement("AC_ChargeParameterDiscoveryReq", AC_ChargeParameterDiscoveryReq),
    GlobalElement("AC_ChargeParameterDiscoveryRes", AC_ChargeParameterDiscoveryRes),
    GlobalElement("AC_ChargeLoopReq", AC_ChargeLoopReq),
    GlobalElement("AC_ChargeLoopRes", AC_ChargeLoopRes),
    GlobalElement("AC_CPDReqEnergyTransferMode", AC_CPDReqEnergyTransferMode),
    GlobalElement("AC_CPDResEnergyTransferMode", AC_CPDResEnergyTransferMode),
    GlobalElement(
        "BPT_AC_CPDReqEnergyTransferMode",
        BPT_AC_CPDReqEnergyTransferMode,
        substitutes="AC_CPDReqEnergyTransferMode",
    ),
    GlobalElement(
        "BPT_AC_CPDResEnergyTransferMode",
        BPT_AC_CPDResEnergyTransferMode,
        substitutes="AC_CPDResEnergyTransferMode",
    ),
    GlobalElement(
        "Scheduled_AC_CLReqControlMode",
        Scheduled_AC_CLReqControlMode,
        substitutes="CLReqControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "Scheduled_AC_CLResControlMode",
        Scheduled_AC_CLResControlMode,
        substitutes="CLResControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "BPT_Scheduled_AC_CLReqControlMode",
        BPT_Scheduled_AC_CLReqControlMode,
        substitutes="Scheduled_AC_CLReqControlMode",
    ),
    GlobalElement(
        "BPT_Scheduled_AC_CLResControlMode",
        BPT_Scheduled_AC_CLResControlMode,
        substitutes="Scheduled_AC_CLResControlMode",
    ),
    GlobalElement(
        "Dynamic_AC_CLReqControlMode",
        Dynamic_AC_CLReqControlMode,
        substitutes="CLReqControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "Dynamic_AC_CLResControlMode",
        Dynamic_AC_CLResControlMode,
        substitutes="CLResControlMode",
        substitutes_ns="urn:iso:std:iso:15118:-20:CommonTypes",
    ),
    GlobalElement(
        "BPT_Dynamic_AC_CLReqControlMode",
        BPT_Dynamic_AC_CLReqControlMode,
        substitutes="Dynamic_AC_CLReqControlMode",
    ),
    GlobalElement(
        "BPT_Dynamic_AC_CLResControlMode",
        BPT_Dynamic_AC_CLResControlMode,
        substitutes="Dynamic_AC_CLResControlMode",
    ),
)
