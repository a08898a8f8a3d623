"""ISO 15118-20 messages: the schema urn:iso:std:iso:15118:-20:WPT."""

from enum import StrEnum
from typing import Annotated

from exi.schema import (
    BASE64,
    BOOLEAN,
    SHORT,
    STRING,
    UNSIGNED_BYTE,
    UNSIGNED_SHORT,
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.iso20.common_types import (
    IDENTIFIER,
    NUMERIC_ID,
    ChargeLoopReq,
    ChargeLoopRes,
    ChargeParameterDiscoveryReq,
    ChargeParameterDiscoveryRes,
    Processing,
    RationalNumber,
    V2GRequest,
    V2GResponse,
)

NAMESPACE = "urn:iso:std:iso:15118:-20:WPT"
PREFIX = "v2gci_wpt"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "AlternativeSECCListType AlternativeSECCType WPT_AlignmentCheckMethodListType "
    "WPT_AlignmentCheckMethodType WPT_AlignmentCheckReqType WPT_AlignmentCheckResType "
    "WPT_ChargeLoopReqType WPT_ChargeLoopResType WPT_ChargeParameterDiscoveryReqType "
    "WPT_ChargeParameterDiscoveryResType WPT_CoordinateXYZType WPT_DataContainerType "
    "WPT_EVPCChargeDiagnosticsType WPT_EVPCPowerControlParameterType WPT_EVResultType "
    "WPT_FinePositioningMethodListType WPT_FinePositioningMethodType WPT_FinePositioningReqType "
    "WPT_FinePositioningResType WPT_FinePositioningSetupReqType WPT_FinePositioningSetupResType "
    "WPT_LF_DataPackageListType WPT_LF_DataPackageType WPT_LF_ReceiverDataType WPT_LF_RxDataListType "
    "WPT_LF_RxDataType WPT_LF_RxRSSIListType WPT_LF_RxRSSIType WPT_LF_SystemSetupDataType "
    "WPT_LF_TransmitterDataType WPT_LF_TxDataListType WPT_LF_TxDataType WPT_PairingMethodListType "
    "WPT_PairingMethodType WPT_PairingReqType WPT_PairingResType WPT_PowerClassType "
    "WPT_SPCChargeDiagnosticsType WPT_SPCPowerControlParameterType WPT_TxRxPackageSpecDataType "
    "WPT_TxRxPulseOrderType WPT_TxRxSpecDataType bssidType ipaddressType"
)


class WPT_FinePositioningMethod(StrEnum):
    """Values of ``WPT_FinePositioningMethodType``, in the order that gives their codes."""

    Manual = "Manual"
    LF_TxEV = "LF_TxEV"
    LF_TxPrimaryDevice = "LF_TxPrimaryDevice"
    LPE = "LPE"
    Proprietary = "Proprietary"


class WPT_FinePositioningMethodList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_FinePositioningMethodListType``."""

    wpt_fine_positioning_method: Annotated[
        list[WPT_FinePositioningMethod], Element("WPT_FinePositioningMethod", occurs=(1, 8))
    ]


class WPT_PairingMethod(StrEnum):
    """Values of ``WPT_PairingMethodType``, in the order that gives their codes."""

    External_confirmation = "External confirmation"
    LPE = "LPE"
    LF_TxEV = "LF_TxEV"
    LF_TxPrimaryDevice = "LF_TxPrimaryDevice"
    Optical = "Optical"
    Proprietary = "Proprietary"


class WPT_PairingMethodList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_PairingMethodListType``."""

    wpt_pairing_method: Annotated[list[WPT_PairingMethod], Element("WPT_PairingMethod", occurs=(1, 8))]


class WPT_AlignmentCheckMethod(StrEnum):
    """Values of ``WPT_AlignmentCheckMethodType``, in the order that gives their codes."""

    PowerCheck = "PowerCheck"
    LPE = "LPE"
    Proprietary = "Proprietary"


class WPT_AlignmentCheckMethodList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_AlignmentCheckMethodListType``."""

    wpt_alignment_check_method: Annotated[
        list[WPT_AlignmentCheckMethod], Element("WPT_AlignmentCheckMethod", occurs=(1, 8))
    ]


WPT_DATA_CONTAINER = BASE64.restrict(max_length=256)


class WPT_CoordinateXYZ(XsdType, kw_only=True, metaclass=Message):
    """``WPT_CoordinateXYZType``."""

    coord_x: Annotated[int, Element("Coord_X", SHORT)]
    coord_y: Annotated[int, Element("Coord_Y", SHORT)]
    coord_z: Annotated[int, Element("Coord_Z", SHORT)]


class WPT_TxRxSpecData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_TxRxSpecDataType``."""

    tx_rx_identifier: Annotated[int, Element("TxRxIdentifier", NUMERIC_ID)]
    tx_rx_position: Annotated[WPT_CoordinateXYZ, Element("TxRxPosition")]
    tx_rx_orientation: Annotated[WPT_CoordinateXYZ, Element("TxRxOrientation")]


class WPT_TxRxPulseOrder(XsdType, kw_only=True, metaclass=Message):
    """``WPT_TxRxPulseOrderType``."""

    index_number: Annotated[int, Element("IndexNumber", UNSIGNED_SHORT)]
    tx_rx_identifier: Annotated[int, Element("TxRxIdentifier", NUMERIC_ID)]


class WPT_TxRxPackageSpecData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_TxRxPackageSpecDataType``."""

    pulse_sequence_order: Annotated[list[WPT_TxRxPulseOrder], Element("PulseSequenceOrder", occurs=(2, 255))]
    pulse_separation_time: Annotated[int, Element("PulseSeparationTime", UNSIGNED_SHORT)]
    pulse_duration: Annotated[int, Element("PulseDuration", UNSIGNED_SHORT)]
    package_separation_time: Annotated[int, Element("PackageSeparationTime", UNSIGNED_SHORT)]


class WPT_LF_TransmitterData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_TransmitterDataType``."""

    number_of_transmitters: Annotated[int, Element("NumberOfTransmitters", UNSIGNED_BYTE)]
    signal_frequency: Annotated[RationalNumber, Element("SignalFrequency")]
    tx_spec_data: Annotated[list[WPT_TxRxSpecData], Element("TxSpecData", occurs=(2, 255))]
    tx_package_spec_data: Annotated[WPT_TxRxPackageSpecData | None, Element("TxPackageSpecData")] = None


class WPT_LF_ReceiverData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_ReceiverDataType``."""

    number_of_receivers: Annotated[int, Element("NumberOfReceivers", UNSIGNED_BYTE)]
    rx_spec_data: Annotated[list[WPT_TxRxSpecData], Element("RxSpecData", occurs=(2, 255))]


class WPT_LF_SystemSetupData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_SystemSetupDataType``."""

    lf_transmitter_setup_data: Annotated[
        WPT_LF_TransmitterData | None, Element("LF_TransmitterSetupData", choice="choice")
    ] = None
    lf_receiver_setup_data: Annotated[
        WPT_LF_ReceiverData | None, Element("LF_ReceiverSetupData", choice="choice")
    ] = None


class WPT_FinePositioningSetupReq(V2GRequest, kw_only=True, metaclass=Message):
    """``WPT_FinePositioningSetupReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]
    ev_device_fine_positioning_method_list: Annotated[
        WPT_FinePositioningMethodList, Element("EVDeviceFinePositioningMethodList")
    ]
    ev_device_pairing_method_list: Annotated[WPT_PairingMethodList, Element("EVDevicePairingMethodList")]
    ev_device_alignment_check_method_list: Annotated[
        WPT_AlignmentCheckMethodList, Element("EVDeviceAlignmentCheckMethodList")
    ]
    natural_offset: Annotated[int, Element("NaturalOffset", UNSIGNED_SHORT)]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []
    lf_system_setup_data: Annotated[WPT_LF_SystemSetupData | None, Element("LF_SystemSetupData")] = None


class WPT_FinePositioningSetupRes(V2GResponse, kw_only=True, metaclass=Message):
    """``WPT_FinePositioningSetupResType``."""

    primary_device_fine_positioning_method_list: Annotated[
        WPT_FinePositioningMethodList, Element("PrimaryDeviceFinePositioningMethodList")
    ]
    primary_device_pairing_method_list: Annotated[
        WPT_PairingMethodList, Element("PrimaryDevicePairingMethodList")
    ]
    primary_device_alignment_check_method_list: Annotated[
        WPT_AlignmentCheckMethodList, Element("PrimaryDeviceAlignmentCheckMethodList")
    ]
    natural_offset: Annotated[int, Element("NaturalOffset", UNSIGNED_SHORT)]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []
    lf_system_setup_data: Annotated[WPT_LF_SystemSetupData | None, Element("LF_SystemSetupData")] = None


class WPT_EVResult(StrEnum):
    """Values of ``WPT_EVResultType``, in the order that gives their codes."""

    EVResultUnknown = "EVResultUnknown"
    EVResultSuccess = "EVResultSuccess"
    EVResultFailed = "EVResultFailed"


class WPT_LF_TxData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_TxDataType``."""

    tx_identifier: Annotated[int, Element("TxIdentifier", NUMERIC_ID)]
    eirp: Annotated[RationalNumber, Element("EIRP")]


class WPT_LF_TxDataList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_TxDataListType``."""

    wpt_lf_tx_data_list: Annotated[WPT_LF_TxData, Element("WPT_LF_TxDataList")]


class WPT_LF_RxRSSI(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_RxRSSIType``."""

    tx_identifier: Annotated[int, Element("TxIdentifier", NUMERIC_ID)]
    rssi: Annotated[RationalNumber, Element("RSSI")]


class WPT_LF_RxRSSIList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_RxRSSIListType``."""

    rssi_data_list: Annotated[WPT_LF_RxRSSI, Element("RSSIDataList")]


class WPT_LF_RxData(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_RxDataType``."""

    rx_identifier: Annotated[int, Element("RxIdentifier", NUMERIC_ID)]
    rssi_data: Annotated[WPT_LF_RxRSSIList, Element("RSSIData")]


class WPT_LF_RxDataList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_RxDataListType``."""

    wpt_lf_rx_data_list: Annotated[WPT_LF_RxData, Element("WPT_LF_RxDataList")]


class WPT_LF_DataPackage(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_DataPackageType``."""

    package_index: Annotated[int, Element("PackageIndex", UNSIGNED_BYTE)]
    lf_tx_data: Annotated[WPT_LF_TxDataList | None, Element("LF_TxData", choice="choice")] = None
    lf_rx_data: Annotated[WPT_LF_RxDataList | None, Element("LF_RxData", choice="choice")] = None


class WPT_LF_DataPackageList(XsdType, kw_only=True, metaclass=Message):
    """``WPT_LF_DataPackageListType``."""

    num_packages: Annotated[int, Element("NumPackages", UNSIGNED_BYTE)]
    wpt_lf_data_package: Annotated[WPT_LF_DataPackage, Element("WPT_LF_DataPackage")]


class WPT_FinePositioningReq(V2GRequest, kw_only=True, metaclass=Message):
    """``WPT_FinePositioningReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]
    ev_result_code: Annotated[WPT_EVResult, Element("EVResultCode")]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []
    wpt_lf_data_package_list: Annotated[WPT_LF_DataPackageList | None, Element("WPT_LF_DataPackageList")] = (
        None
    )


class WPT_FinePositioningRes(V2GResponse, kw_only=True, metaclass=Message):
    """``WPT_FinePositioningResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []
    wpt_lf_data_package_list: Annotated[WPT_LF_DataPackageList | None, Element("WPT_LF_DataPackageList")] = (
        None
    )


class WPT_PairingReq(V2GRequest, kw_only=True, metaclass=Message):
    """``WPT_PairingReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]
    observed_id_code: Annotated[int | None, Element("ObservedIDCode", NUMERIC_ID)] = None
    ev_result_code: Annotated[WPT_EVResult, Element("EVResultCode")]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


BSSID = STRING.restrict(max_length=12)
IPADDRESS = STRING.restrict(max_length=39)


class AlternativeSECC(XsdType, kw_only=True, metaclass=Message):
    """``AlternativeSECCType``."""

    ssid: Annotated[str | None, Element("SSID", IDENTIFIER)] = None
    bssid: Annotated[str | None, Element("BSSID", BSSID)] = None
    ip_address: Annotated[str | None, Element("IPAddress", IPADDRESS)] = None
    port: Annotated[int | None, Element("Port", UNSIGNED_SHORT)] = None


class AlternativeSECCList(XsdType, kw_only=True, metaclass=Message):
    """``AlternativeSECCListType``."""

    alternative_secc: Annotated[list[AlternativeSECC], Element("AlternativeSECC", occurs=(1, 8))]


class WPT_PairingRes(V2GResponse, kw_only=True, metaclass=Message):
    """``WPT_PairingResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    observed_id_code: Annotated[int | None, Element("ObservedIDCode", NUMERIC_ID)] = None
    alternative_secc_list: Annotated[AlternativeSECCList | None, Element("AlternativeSECCList")] = None
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


class WPT_ChargeParameterDiscoveryReq(ChargeParameterDiscoveryReq, kw_only=True, metaclass=Message):
    """``WPT_ChargeParameterDiscoveryReqType``."""

    ev_pc_max_receivable_power: Annotated[RationalNumber, Element("EVPCMaxReceivablePower")]
    sd_max_ground_clearence: Annotated[int, Element("SDMaxGroundClearence", UNSIGNED_SHORT)]
    sd_min_ground_clearence: Annotated[int, Element("SDMinGroundClearence", UNSIGNED_SHORT)]
    ev_pc_natural_frequency: Annotated[RationalNumber, Element("EVPCNaturalFrequency")]
    ev_pc_device_local_control: Annotated[bool, Element("EVPCDeviceLocalControl", BOOLEAN)]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


class WPT_PowerClass(StrEnum):
    """Values of ``WPT_PowerClassType``, in the order that gives their codes."""

    MF_WPT1 = "MF-WPT1"
    MF_WPT2 = "MF-WPT2"
    MF_WPT3 = "MF-WPT3"
    MF_WPT4 = "MF-WPT4"


class WPT_ChargeParameterDiscoveryRes(ChargeParameterDiscoveryRes, kw_only=True, metaclass=Message):
    """``WPT_ChargeParameterDiscoveryResType``."""

    pd_input_power_class: Annotated[WPT_PowerClass, Element("PDInputPowerClass")]
    sd_min_output_power: Annotated[RationalNumber, Element("SDMinOutputPower")]
    sd_max_output_power: Annotated[RationalNumber, Element("SDMaxOutputPower")]
    sd_max_ground_clearance_support: Annotated[int, Element("SDMaxGroundClearanceSupport", UNSIGNED_SHORT)]
    sd_min_ground_clearance_support: Annotated[int, Element("SDMinGroundClearanceSupport", UNSIGNED_SHORT)]
    pd_min_coil_current: Annotated[RationalNumber, Element("PDMinCoilCurrent")]
    pd_max_coil_current: Annotated[RationalNumber, Element("PDMaxCoilCurrent")]
    sd_manufacturer_specific_data_container: Annotated[
        list[bytes], Element("SDManufacturerSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


class WPT_AlignmentCheckReq(V2GRequest, kw_only=True, metaclass=Message):
    """``WPT_AlignmentCheckReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]
    target_coil_current: Annotated[RationalNumber | None, Element("TargetCoilCurrent")] = None
    ev_result_code: Annotated[WPT_EVResult, Element("EVResultCode")]
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


class WPT_AlignmentCheckRes(V2GResponse, kw_only=True, metaclass=Message):
    """``WPT_AlignmentCheckResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    power_transmitted: Annotated[RationalNumber | None, Element("PowerTransmitted")] = None
    supply_device_current: Annotated[RationalNumber | None, Element("SupplyDeviceCurrent")] = None
    vendor_specific_data_container: Annotated[
        list[bytes], Element("VendorSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


class WPT_EVPCChargeDiagnostics(StrEnum):
    """Values of ``WPT_EVPCChargeDiagnosticsType``, in the order that gives their codes."""

    EVPCNoIssue = "EVPCNoIssue"
    EVPCTempOverheatDetected = "EVPCTempOverheatDetected"
    EVPCPowerTransferAnomalyDetected = "EVPCPowerTransferAnomalyDetected"
    EVPCAnomalyDetected = "EVPCAnomalyDetected"


class WPT_EVPCPowerControlParameter(XsdType, kw_only=True, metaclass=Message):
    """``WPT_EVPCPowerControlParameterType``."""

    ev_pc_coil_current_request: Annotated[RationalNumber, Element("EVPCCoilCurrentRequest")]
    ev_pc_coil_current_information: Annotated[RationalNumber, Element("EVPCCoilCurrentInformation")]
    ev_pc_current_output_information: Annotated[RationalNumber, Element("EVPCCurrentOutputInformation")]
    ev_pc_voltage_output_information: Annotated[RationalNumber, Element("EVPCVoltageOutputInformation")]


class WPT_ChargeLoopReq(ChargeLoopReq, kw_only=True, metaclass=Message):
    """``WPT_ChargeLoopReqType``."""

    ev_pc_power_request: Annotated[RationalNumber, Element("EVPCPowerRequest")]
    ev_pc_power_output: Annotated[RationalNumber, Element("EVPCPowerOutput")]
    ev_pc_charge_diagnostics: Annotated[WPT_EVPCChargeDiagnostics, Element("EVPCChargeDiagnostics")]
    ev_pc_operating_frequency: Annotated[RationalNumber | None, Element("EVPCOperatingFrequency")] = None
    ev_pc_power_control_parameter: Annotated[
        WPT_EVPCPowerControlParameter | None, Element("EVPCPowerControlParameter")
    ] = None
    manufacturer_specific_data_container: Annotated[
        list[bytes], Element("ManufacturerSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


class WPT_SPCChargeDiagnostics(StrEnum):
    """Values of ``WPT_SPCChargeDiagnosticsType``, in the order that gives their codes."""

    SPCNoIssue = "SPCNoIssue"
    SPCFODDetected = "SPCFODDetected"
    SPCLOPDetected = "SPCLOPDetected"
    SPCTempOverheatDetected = "SPCTempOverheatDetected"
    SPCPowerTransferAnomalyDetected = "SPCPowerTransferAnomalyDetected"
    SPCAnomalyDetected = "SPCAnomalyDetected"


class WPT_SPCPowerControlParameter(XsdType, kw_only=True, metaclass=Message):
    """``WPT_SPCPowerControlParameterType``."""

    spc_primary_device_coil_current_information: Annotated[
        RationalNumber, Element("SPCPrimaryDeviceCoilCurrentInformation")
    ]


class WPT_ChargeLoopRes(ChargeLoopRes, kw_only=True, metaclass=Message):
    """``WPT_ChargeLoopResType``."""

    ev_pc_power_request: Annotated[RationalNumber, Element("EVPCPowerRequest")]
    sd_power_input: Annotated[RationalNumber | None, Element("SDPowerInput")] = None
    spc_max_output_power_limit: Annotated[RationalNumber, Element("SPCMaxOutputPowerLimit")]
    spc_min_output_power_limit: Annotated[RationalNumber, Element("SPCMinOutputPowerLimit")]
    spc_charge_diagnostics: Annotated[WPT_SPCChargeDiagnostics, Element("SPCChargeDiagnostics")]
    spc_operating_frequency: Annotated[RationalNumber | None, Element("SPCOperatingFrequency")] = None
    spc_power_control_parameter: Annotated[
        WPT_SPCPowerControlParameter | None, Element("SPCPowerControlParameter")
    ] = None
    manufacturer_specific_data_container: Annotated[
        list[bytes], Element("ManufacturerSpecificDataContainer", WPT_DATA_CONTAINER, occurs=(0, 16))
    ] = []


ELEMENTS = (
    GlobalElement("WPT_FinePositioningSetupReq", WPT_FinePositioningSetupReq),
    GlobalElement("WPT_FinePositioningSetupRes", WPT_FinePositioningSetupRes),
    GlobalElement("WPT_FinePositioningReq", WPT_FinePositioningReq),
    GlobalElement("WPT_FinePositioningRes", WPT_FinePositioningRes),
    GlobalElement("WPT_PairingReq", WPT_PairingReq),
    GlobalElement("WPT_PairingRes", WPT_PairingRes),
    GlobalElement("WPT_ChargeParameterDiscoveryReq", WPT_ChargeParameterDiscoveryReq),
    GlobalElement("WPT_ChargeParameterDiscoveryRes", WPT_ChargeParameterDiscoveryRes),
    GlobalElement("WPT_AlignmentCheckReq", WPT_AlignmentCheckReq),
    GlobalElement("WPT_AlignmentCheckRes", WPT_AlignmentCheckRes),
    GlobalElement("WPT_ChargeLoopReq", WPT_ChargeLoopReq),
    GlobalElement("WPT_ChargeLoopRes", WPT_ChargeLoopRes),
)
