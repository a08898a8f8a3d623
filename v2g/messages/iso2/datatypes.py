"""ISO 15118-2 messages: the schema urn:iso:15118:2:2013:MsgDataTypes."""

from enum import StrEnum
from typing import Annotated

from exi.schema import (
    BASE64,
    BOOLEAN,
    BYTE,
    HEX,
    ID,
    INT,
    LONG,
    SHORT,
    STRING,
    UNSIGNED_BYTE,
    UNSIGNED_INT,
    UNSIGNED_LONG,
    UNSIGNED_SHORT,
    Attribute,
    Element,
    GlobalElement,
    Message,
    Text,
    XsdType,
)
from v2g.messages.xmldsig import (
    X509IssuerSerial,
)

NAMESPACE = "urn:iso:15118:2:2013:MsgDataTypes"
PREFIX = "v2gci_t"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "AC_EVChargeParameterType AC_EVSEChargeParameterType AC_EVSEStatusType CertificateChainType "
    "ChargeServiceType ChargingProfileType ConsumptionCostType ContractSignatureEncryptedPrivateKeyType "
    "CostType DC_EVChargeParameterType DC_EVErrorCodeType DC_EVPowerDeliveryParameterType "
    "DC_EVSEChargeParameterType DC_EVSEStatusCodeType DC_EVSEStatusType DC_EVStatusType "
    "DiffieHellmanPublickeyType EMAIDType EVChargeParameterType EVPowerDeliveryParameterType "
    "EVSEChargeParameterType EVSENotificationType EVSEProcessingType EVSEStatusType EVStatusType "
    "EnergyTransferModeType EntryType IntervalType ListOfRootCertificateIDsType MeterInfoType "
    "NotificationType PMaxScheduleEntryType PMaxScheduleType ParameterSetType ParameterType "
    "PaymentOptionListType PhysicalValueType ProfileEntryType RelativeTimeIntervalType SAIDType "
    "SAScheduleListType SAScheduleTupleType SASchedulesType SalesTariffEntryType SalesTariffType "
    "SelectedServiceListType SelectedServiceType ServiceListType ServiceParameterListType ServiceType "
    "SubCertificatesType SupportedEnergyTransferModeType certificateType chargeProgressType "
    "chargingSessionType costKindType dHpublickeyType eMAIDType evccIDType evseIDType faultCodeType "
    "faultMsgType genChallengeType isolationLevelType maxNumPhasesType meterIDType meterStatusType "
    "paymentOptionType percentValueType privateKeyType responseCodeType serviceCategoryType serviceIDType "
    "serviceNameType serviceScopeType sessionIDType sigMeterReadingType tariffDescriptionType "
    "unitMultiplierType unitSymbolType valueType"
)

SERVICE_ID = UNSIGNED_SHORT
SERVICE_NAME = STRING.restrict(max_length=32)


class ServiceCategory(StrEnum):
    """Values of ``serviceCategoryType``, in the order that gives their codes."""

    EVCharging = "EVCharging"
    Internet = "Internet"
    ContractCertificate = "ContractCertificate"
    OtherCustom = "OtherCustom"


SERVICE_SCOPE = STRING.restrict(max_length=64)


class Service(XsdType, kw_only=True, metaclass=Message):
    """``ServiceType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    service_name: Annotated[str | None, Element("ServiceName", SERVICE_NAME)] = None
    service_category: Annotated[ServiceCategory, Element("ServiceCategory")]
    service_scope: Annotated[str | None, Element("ServiceScope", SERVICE_SCOPE)] = None
    free_service: Annotated[bool, Element("FreeService", BOOLEAN)]


class ServiceList(XsdType, kw_only=True, metaclass=Message):
    """``ServiceListType``."""

    service: Annotated[list[Service], Element("Service", occurs=(1, 8))]


class SelectedService(XsdType, kw_only=True, metaclass=Message):
    """``SelectedServiceType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    parameter_set_id: Annotated[int | None, Element("ParameterSetID", SHORT)] = None


class SelectedServiceList(XsdType, kw_only=True, metaclass=Message):
    """``SelectedServiceListType``."""

    selected_service: Annotated[list[SelectedService], Element("SelectedService", occurs=(1, 16))]


UNIT_MULTIPLIER = BYTE.restrict(minimum=-3, maximum=3)


class UnitSymbol(StrEnum):
    """Values of ``unitSymbolType``, in the order that gives their codes."""

    h = "h"
    m = "m"
    s = "s"
    A = "A"
    V = "V"
    W = "W"
    Wh = "Wh"


class PhysicalValue(XsdType, kw_only=True, metaclass=Message):
    """``PhysicalValueType``."""

    multiplier: Annotated[int, Element("Multiplier", UNIT_MULTIPLIER)]
    unit: Annotated[UnitSymbol, Element("Unit")]
    value: Annotated[int, Element("Value", SHORT)]


class Parameter(XsdType, kw_only=True, metaclass=Message):
    """``ParameterType``."""

    name: Annotated[str, Attribute("Name", STRING, ns=NAMESPACE)]
    bool_value: Annotated[bool | None, Element("boolValue", BOOLEAN, choice="choice")] = None
    byte_value: Annotated[int | None, Element("byteValue", BYTE, choice="choice")] = None
    short_value: Annotated[int | None, Element("shortValue", SHORT, choice="choice")] = None
    int_value: Annotated[int | None, Element("intValue", INT, choice="choice")] = None
    physical_value: Annotated[PhysicalValue | None, Element("physicalValue", choice="choice")] = None
    string_value: Annotated[str | None, Element("stringValue", STRING, choice="choice")] = None


class ParameterSet(XsdType, kw_only=True, metaclass=Message):
    """``ParameterSetType``."""

    parameter_set_id: Annotated[int, Element("ParameterSetID", SHORT)]
    parameter: Annotated[list[Parameter], Element("Parameter", occurs=(1, 16))]


class ServiceParameterList(XsdType, kw_only=True, metaclass=Message):
    """``ServiceParameterListType``."""

    parameter_set: Annotated[list[ParameterSet], Element("ParameterSet", occurs=(1, 255))]


class EnergyTransferMode(StrEnum):
    """Values of ``EnergyTransferModeType``, in the order that gives their codes."""

    AC_single_phase_core = "AC_single_phase_core"
    AC_three_phase_core = "AC_three_phase_core"
    DC_core = "DC_core"
    DC_extended = "DC_extended"
    DC_combo_core = "DC_combo_core"
    DC_unique = "DC_unique"


class SupportedEnergyTransferMode(XsdType, kw_only=True, metaclass=Message):
    """``SupportedEnergyTransferModeType``."""

    energy_transfer_mode: Annotated[list[EnergyTransferMode], Element("EnergyTransferMode", occurs=(1, 6))]


class ChargeService(Service, kw_only=True, metaclass=Message):
    """``ChargeServiceType``."""

    supported_energy_transfer_mode: Annotated[
        SupportedEnergyTransferMode, Element("SupportedEnergyTransferMode")
    ]


PRIVATE_KEY = BASE64.restrict(max_length=48)


class ContractSignatureEncryptedPrivateKey(XsdType, kw_only=True, metaclass=Message):
    """``ContractSignatureEncryptedPrivateKeyType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    value: Annotated[bytes, Text(PRIVATE_KEY)]


D_HPUBLICKEY = BASE64.restrict(max_length=65)


class DiffieHellmanPublickey(XsdType, kw_only=True, metaclass=Message):
    """``DiffieHellmanPublickeyType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    value: Annotated[bytes, Text(D_HPUBLICKEY)]


EMAID_TEXT = STRING.restrict(min_length=14, max_length=15)


class EMAID(XsdType, kw_only=True, metaclass=Message):
    """``EMAIDType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    value: Annotated[str, Text(EMAID_TEXT)]


CERTIFICATE = BASE64.restrict(max_length=800)


class SubCertificates(XsdType, kw_only=True, metaclass=Message):
    """``SubCertificatesType``."""

    certificate: Annotated[list[bytes], Element("Certificate", CERTIFICATE, occurs=(1, 4))]


class CertificateChain(XsdType, kw_only=True, metaclass=Message):
    """``CertificateChainType``."""

    id: Annotated[str | None, Attribute("Id", ID, ns=NAMESPACE)] = None
    certificate: Annotated[bytes, Element("Certificate", CERTIFICATE)]
    sub_certificates: Annotated[SubCertificates | None, Element("SubCertificates")] = None


class ListOfRootCertificateIDs(XsdType, kw_only=True, metaclass=Message):
    """``ListOfRootCertificateIDsType``."""

    root_certificate_id: Annotated[list[X509IssuerSerial], Element("RootCertificateID", occurs=(1, 20))]


METER_ID = STRING.restrict(max_length=32)
SIG_METER_READING = BASE64.restrict(max_length=64)
METER_STATUS = SHORT


class MeterInfo(XsdType, kw_only=True, metaclass=Message):
    """``MeterInfoType``."""

    meter_id: Annotated[str, Element("MeterID", METER_ID)]
    meter_reading: Annotated[int | None, Element("MeterReading", UNSIGNED_LONG)] = None
    sig_meter_reading: Annotated[bytes | None, Element("SigMeterReading", SIG_METER_READING)] = None
    meter_status: Annotated[int | None, Element("MeterStatus", METER_STATUS)] = None
    t_meter: Annotated[int | None, Element("TMeter", LONG)] = None


class FaultCode(StrEnum):
    """Values of ``faultCodeType``, in the order that gives their codes."""

    ParsingError = "ParsingError"
    NoTLSRootCertificatAvailable = "NoTLSRootCertificatAvailable"
    UnknownError = "UnknownError"


FAULT_MSG = STRING.restrict(max_length=64)


class Notification(XsdType, kw_only=True, metaclass=Message):
    """``NotificationType``."""

    fault_code: Annotated[FaultCode, Element("FaultCode")]
    fault_msg: Annotated[str | None, Element("FaultMsg", FAULT_MSG)] = None


class SASchedules(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``SASchedulesType`` (abstract)."""


SA_ID = UNSIGNED_BYTE.restrict(minimum=1, maximum=255)


class Interval(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``IntervalType`` (abstract)."""


class Entry(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``EntryType`` (abstract)."""

    time_interval: Annotated[Interval, Element("TimeInterval", ref=True)]


class PMaxScheduleEntry(Entry, kw_only=True, metaclass=Message):
    """``PMaxScheduleEntryType``."""

    p_max: Annotated[PhysicalValue, Element("PMax")]


class PMaxSchedule(XsdType, kw_only=True, metaclass=Message):
    """``PMaxScheduleType``."""

    p_max_schedule_entry: Annotated[
        list[PMaxScheduleEntry], Element("PMaxScheduleEntry", ref=True, occurs=(1, 1024))
    ]


TARIFF_DESCRIPTION = STRING.restrict(max_length=32)


class CostKind(StrEnum):
    """Values of ``costKindType``, in the order that gives their codes."""

    relativePricePercentage = "relativePricePercentage"
    RenewableGenerationPercentage = "RenewableGenerationPercentage"
    CarbonDioxideEmission = "CarbonDioxideEmission"


class Cost(XsdType, kw_only=True, metaclass=Message):
    """``CostType``."""

    cost_kind: Annotated[CostKind, Element("costKind")]
    amount: Annotated[int, Element("amount", UNSIGNED_INT)]
    amount_multiplier: Annotated[int | None, Element("amountMultiplier", UNIT_MULTIPLIER)] = None


class ConsumptionCost(XsdType, kw_only=True, metaclass=Message):
    """``ConsumptionCostType``."""

    start_value: Annotated[PhysicalValue, Element("startValue")]
    cost: Annotated[list[Cost], Element("Cost", occurs=(1, 3))]


class SalesTariffEntry(Entry, kw_only=True, metaclass=Message):
    """``SalesTariffEntryType``."""

    e_price_level: Annotated[int | None, Element("EPriceLevel", UNSIGNED_BYTE)] = None
    consumption_cost: Annotated[list[ConsumptionCost], Element("ConsumptionCost", occurs=(0, 3))] = []


class SalesTariff(XsdType, kw_only=True, metaclass=Message):
    """``SalesTariffType``."""

    id: Annotated[str | None, Attribute("Id", ID, ns=NAMESPACE)] = None
    sales_tariff_id: Annotated[int, Element("SalesTariffID", SA_ID)]
    sales_tariff_description: Annotated[str | None, Element("SalesTariffDescription", TARIFF_DESCRIPTION)] = (
        None
    )
    num_e_price_levels: Annotated[int | None, Element("NumEPriceLevels", UNSIGNED_BYTE)] = None
    sales_tariff_entry: Annotated[
        list[SalesTariffEntry], Element("SalesTariffEntry", ref=True, occurs=(1, 1024))
    ]


class SAScheduleTuple(XsdType, kw_only=True, metaclass=Message):
    """``SAScheduleTupleType``."""

    sa_schedule_tuple_id: Annotated[int, Element("SAScheduleTupleID", SA_ID)]
    p_max_schedule: Annotated[PMaxSchedule, Element("PMaxSchedule")]
    sales_tariff: Annotated[SalesTariff | None, Element("SalesTariff")] = None


class SAScheduleList(SASchedules, kw_only=True, metaclass=Message):
    """``SAScheduleListType``."""

    sa_schedule_tuple: Annotated[list[SAScheduleTuple], Element("SAScheduleTuple", occurs=(1, 3))]


class RelativeTimeInterval(Interval, kw_only=True, metaclass=Message):
    """``RelativeTimeIntervalType``."""

    start: Annotated[int, Element("start", UNSIGNED_INT.restrict(minimum=0, maximum=16777214))]
    duration: Annotated[int | None, Element("duration", UNSIGNED_INT.restrict(minimum=0, maximum=86400))] = (
        None
    )


class EVSENotification(StrEnum):
    """Values of ``EVSENotificationType``, in the order that gives their codes."""

    None_ = "None"
    StopCharging = "StopCharging"
    ReNegotiation = "ReNegotiation"


class EVSEStatus(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``EVSEStatusType`` (abstract)."""

    notification_max_delay: Annotated[int, Element("NotificationMaxDelay", UNSIGNED_SHORT)]
    evse_notification: Annotated[EVSENotification, Element("EVSENotification")]


class AC_EVSEStatus(EVSEStatus, kw_only=True, metaclass=Message):
    """``AC_EVSEStatusType``."""

    rcd: Annotated[bool, Element("RCD", BOOLEAN)]


class EVStatus(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``EVStatusType`` (abstract)."""


class IsolationLevel(StrEnum):
    """Values of ``isolationLevelType``, in the order that gives their codes."""

    Invalid = "Invalid"
    Valid = "Valid"
    Warning = "Warning"
    Fault = "Fault"
    No_IMD = "No_IMD"


class DC_EVSEStatusCode(StrEnum):
    """Values of ``DC_EVSEStatusCodeType``, in the order that gives their codes."""

    EVSE_NotReady = "EVSE_NotReady"
    EVSE_Ready = "EVSE_Ready"
    EVSE_Shutdown = "EVSE_Shutdown"
    EVSE_UtilityInterruptEvent = "EVSE_UtilityInterruptEvent"
    EVSE_IsolationMonitoringActive = "EVSE_IsolationMonitoringActive"
    EVSE_EmergencyShutdown = "EVSE_EmergencyShutdown"
    EVSE_Malfunction = "EVSE_Malfunction"
    Reserved_8 = "Reserved_8"
    Reserved_9 = "Reserved_9"
    Reserved_A = "Reserved_A"
    Reserved_B = "Reserved_B"
    Reserved_C = "Reserved_C"


class DC_EVSEStatus(EVSEStatus, kw_only=True, metaclass=Message):
    """``DC_EVSEStatusType``."""

    evse_isolation_status: Annotated[IsolationLevel | None, Element("EVSEIsolationStatus")] = None
    evse_status_code: Annotated[DC_EVSEStatusCode, Element("EVSEStatusCode")]


class DC_EVErrorCode(StrEnum):
    """Values of ``DC_EVErrorCodeType``, in the order that gives their codes."""

    NO_ERROR = "NO_ERROR"
    FAILED_RESSTemperatureInhibit = "FAILED_RESSTemperatureInhibit"
    FAILED_EVShiftPosition = "FAILED_EVShiftPosition"
    FAILED_ChargerConnectorLockFault = "FAILED_ChargerConnectorLockFault"
    FAILED_EVRESSMalfunction = "FAILED_EVRESSMalfunction"
    FAILED_ChargingCurrentdifferential = "FAILED_ChargingCurrentdifferential"
    FAILED_ChargingVoltageOutOfRange = "FAILED_ChargingVoltageOutOfRange"
    Reserved_A = "Reserved_A"
    Reserved_B = "Reserved_B"
    Reserved_C = "Reserved_C"
    FAILED_ChargingSystemIncompatibility = "FAILED_ChargingSystemIncompatibility"
    NoData = "NoData"


PERCENT_VALUE = BYTE.restrict(minimum=0, maximum=100)


class DC_EVStatus(EVStatus, kw_only=True, metaclass=Message):
    """``DC_EVStatusType``."""

    ev_ready: Annotated[bool, Element("EVReady", BOOLEAN)]
    ev_error_code: Annotated[DC_EVErrorCode, Element("EVErrorCode")]
    ev_ress_soc: Annotated[int, Element("EVRESSSOC", PERCENT_VALUE)]


class EVChargeParameter(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``EVChargeParameterType`` (abstract)."""

    departure_time: Annotated[int | None, Element("DepartureTime", UNSIGNED_INT)] = None


class AC_EVChargeParameter(EVChargeParameter, kw_only=True, metaclass=Message):
    """``AC_EVChargeParameterType``."""

    e_amount: Annotated[PhysicalValue, Element("EAmount")]
    ev_max_voltage: Annotated[PhysicalValue, Element("EVMaxVoltage")]
    ev_max_current: Annotated[PhysicalValue, Element("EVMaxCurrent")]
    ev_min_current: Annotated[PhysicalValue, Element("EVMinCurrent")]


class DC_EVChargeParameter(EVChargeParameter, kw_only=True, metaclass=Message):
    """``DC_EVChargeParameterType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]
    ev_maximum_current_limit: Annotated[PhysicalValue, Element("EVMaximumCurrentLimit")]
    ev_maximum_power_limit: Annotated[PhysicalValue | None, Element("EVMaximumPowerLimit")] = None
    ev_maximum_voltage_limit: Annotated[PhysicalValue, Element("EVMaximumVoltageLimit")]
    ev_energy_capacity: Annotated[PhysicalValue | None, Element("EVEnergyCapacity")] = None
    ev_energy_request: Annotated[PhysicalValue | None, Element("EVEnergyRequest")] = None
    full_soc: Annotated[int | None, Element("FullSOC", PERCENT_VALUE)] = None
    bulk_soc: Annotated[int | None, Element("BulkSOC", PERCENT_VALUE)] = None


class EVSEChargeParameter(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``EVSEChargeParameterType`` (abstract)."""


class AC_EVSEChargeParameter(EVSEChargeParameter, kw_only=True, metaclass=Message):
    """``AC_EVSEChargeParameterType``."""

    ac_evse_status: Annotated[AC_EVSEStatus, Element("AC_EVSEStatus")]
    evse_nominal_voltage: Annotated[PhysicalValue, Element("EVSENominalVoltage")]
    evse_max_current: Annotated[PhysicalValue, Element("EVSEMaxCurrent")]


class DC_EVSEChargeParameter(EVSEChargeParameter, kw_only=True, metaclass=Message):
    """``DC_EVSEChargeParameterType``."""

    dc_evse_status: Annotated[DC_EVSEStatus, Element("DC_EVSEStatus")]
    evse_maximum_current_limit: Annotated[PhysicalValue, Element("EVSEMaximumCurrentLimit")]
    evse_maximum_power_limit: Annotated[PhysicalValue, Element("EVSEMaximumPowerLimit")]
    evse_maximum_voltage_limit: Annotated[PhysicalValue, Element("EVSEMaximumVoltageLimit")]
    evse_minimum_current_limit: Annotated[PhysicalValue, Element("EVSEMinimumCurrentLimit")]
    evse_minimum_voltage_limit: Annotated[PhysicalValue, Element("EVSEMinimumVoltageLimit")]
    evse_current_regulation_tolerance: Annotated[
        PhysicalValue | None, Element("EVSECurrentRegulationTolerance")
    ] = None
    evse_peak_current_ripple: Annotated[PhysicalValue, Element("EVSEPeakCurrentRipple")]
    evse_energy_to_be_delivered: Annotated[PhysicalValue | None, Element("EVSEEnergyToBeDelivered")] = None


class EVPowerDeliveryParameter(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``EVPowerDeliveryParameterType`` (abstract)."""


class DC_EVPowerDeliveryParameter(EVPowerDeliveryParameter, kw_only=True, metaclass=Message):
    """``DC_EVPowerDeliveryParameterType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]
    bulk_charging_complete: Annotated[bool | None, Element("BulkChargingComplete", BOOLEAN)] = None
    charging_complete: Annotated[bool, Element("ChargingComplete", BOOLEAN)]


MAX_NUM_PHASES = BYTE.restrict(minimum=1, maximum=3)


class ProfileEntry(XsdType, kw_only=True, metaclass=Message):
    """``ProfileEntryType``."""

    charging_profile_entry_start: Annotated[int, Element("ChargingProfileEntryStart", UNSIGNED_INT)]
    charging_profile_entry_max_power: Annotated[PhysicalValue, Element("ChargingProfileEntryMaxPower")]
    charging_profile_entry_max_number_of_phases_in_use: Annotated[
        int | None, Element("ChargingProfileEntryMaxNumberOfPhasesInUse", MAX_NUM_PHASES)
    ] = None


class ChargingProfile(XsdType, kw_only=True, metaclass=Message):
    """``ChargingProfileType``."""

    profile_entry: Annotated[list[ProfileEntry], Element("ProfileEntry", occurs=(1, 24))]


class EVSEProcessing(StrEnum):
    """Values of ``EVSEProcessingType``, in the order that gives their codes."""

    Finished = "Finished"
    Ongoing = "Ongoing"
    Ongoing_WaitingForCustomerInteraction = "Ongoing_WaitingForCustomerInteraction"


class ChargeProgress(StrEnum):
    """Values of ``chargeProgressType``, in the order that gives their codes."""

    Start = "Start"
    Stop = "Stop"
    Renegotiate = "Renegotiate"


class ChargingSession(StrEnum):
    """Values of ``chargingSessionType``, in the order that gives their codes."""

    Terminate = "Terminate"
    Pause = "Pause"


class Value(StrEnum):
    """Values of ``valueType``, in the order that gives their codes."""

    bool = "bool"
    byte = "byte"
    short = "short"
    int = "int"
    physicalValue = "physicalValue"
    string = "string"


GEN_CHALLENGE = BASE64.restrict(length=16)
SESSION_ID = HEX.restrict(max_length=8)
EVCC_ID = HEX.restrict(max_length=6)
EVSE_ID = STRING.restrict(min_length=7, max_length=37)


class PaymentOption(StrEnum):
    """Values of ``paymentOptionType``, in the order that gives their codes."""

    Contract = "Contract"
    ExternalPayment = "ExternalPayment"


class PaymentOptionList(XsdType, kw_only=True, metaclass=Message):
    """``PaymentOptionListType``."""

    payment_option: Annotated[list[PaymentOption], Element("PaymentOption", occurs=(1, 2))]


class ResponseCode(StrEnum):
    """Values of ``responseCodeType``, in the order that gives their codes."""

    OK = "OK"
    OK_NewSessionEstablished = "OK_NewSessionEstablished"
    OK_OldSessionJoined = "OK_OldSessionJoined"
    OK_CertificateExpiresSoon = "OK_CertificateExpiresSoon"
    FAILED = "FAILED"
    FAILED_SequenceError = "FAILED_SequenceError"
    FAILED_ServiceIDInvalid = "FAILED_ServiceIDInvalid"
    FAILED_UnknownSession = "FAILED_UnknownSession"
    FAILED_ServiceSelectionInvalid = "FAILED_ServiceSelectionInvalid"
    FAILED_PaymentSelectionInvalid = "FAILED_PaymentSelectionInvalid"
    FAILED_CertificateExpired = "FAILED_CertificateExpired"
    FAILED_SignatureError = "FAILED_SignatureError"
    FAILED_NoCertificateAvailable = "FAILED_NoCertificateAvailable"
    FAILED_CertChainError = "FAILED_CertChainError"
    FAILED_ChallengeInvalid = "FAILED_ChallengeInvalid"
    FAILED_ContractCanceled = "FAILED_ContractCanceled"
    FAILED_WrongChargeParameter = "FAILED_WrongChargeParameter"
    FAILED_PowerDeliveryNotApplied = "FAILED_PowerDeliveryNotApplied"
    FAILED_TariffSelectionInvalid = "FAILED_TariffSelectionInvalid"
    FAILED_ChargingProfileInvalid = "FAILED_ChargingProfileInvalid"
    FAILED_MeteringSignatureNotValid = "FAILED_MeteringSignatureNotValid"
    FAILED_NoChargeServiceSelected = "FAILED_NoChargeServiceSelected"
    FAILED_WrongEnergyTransferMode = "FAILED_WrongEnergyTransferMode"
    FAILED_ContactorError = "FAILED_ContactorError"
    FAILED_CertificateNotAllowedAtThisEVSE = "FAILED_CertificateNotAllowedAtThisEVSE"
    FAILED_CertificateRevoked = "FAILED_CertificateRevoked"


ELEMENTS = (
    GlobalElement("SASchedules", SASchedules, abstract=True),
    GlobalElement("SAScheduleList", SAScheduleList, substitutes="SASchedules"),
    GlobalElement("Entry", Entry, abstract=True),
    GlobalElement("SalesTariffEntry", SalesTariffEntry, substitutes="Entry"),
    GlobalElement("PMaxScheduleEntry", PMaxScheduleEntry, substitutes="Entry"),
    GlobalElement("TimeInterval", Interval, abstract=True),
    GlobalElement("RelativeTimeInterval", RelativeTimeInterval, substitutes="TimeInterval"),
    GlobalElement("EVSEStatus", EVSEStatus, abstract=True),
    GlobalElement("AC_EVSEStatus", AC_EVSEStatus, substitutes="EVSEStatus"),
    GlobalElement("EVStatus", EVStatus, abstract=True),
    GlobalElement("DC_EVSEStatus", DC_EVSEStatus, substitutes="EVSEStatus"),
    GlobalElement("DC_EVStatus", DC_EVStatus, substitutes="EVStatus"),
    GlobalElement("EVChargeParameter", EVChargeParameter, abstract=True),
    GlobalElement("AC_EVChargeParameter", AC_EVChargeParameter, substitutes="EVChargeParameter"),
    GlobalElement("DC_EVChargeParameter", DC_EVChargeParameter, substitutes="EVChargeParameter"),
    GlobalElement("EVSEChargeParameter", EVSEChargeParameter, abstract=True),
    GlobalElement("AC_EVSEChargeParameter", AC_EVSEChargeParameter, substitutes="EVSEChargeParameter"),
    GlobalElement("DC_EVSEChargeParameter", DC_EVSEChargeParameter, substitutes="EVSEChargeParameter"),
    GlobalElement("EVPowerDeliveryParameter", EVPowerDeliveryParameter, abstract=True),
    GlobalElement(
        "DC_EVPowerDeliveryParameter", DC_EVPowerDeliveryParameter, substitutes="EVPowerDeliveryParameter"
    ),
)
