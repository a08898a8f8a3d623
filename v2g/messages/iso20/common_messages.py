"""ISO 15118-20 messages: the schema urn:iso:std:iso:15118:-20:CommonMessages."""

from enum import StrEnum
from typing import Annotated

from exi.schema import (
    BASE64,
    BOOLEAN,
    BYTE,
    ID,
    INT,
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
    XsdType,
)
from v2g.messages.iso20.common_types import (
    DESCRIPTION,
    IDENTIFIER,
    NAME,
    NUMERIC_ID,
    PERCENT_VALUE,
    SESSION_ID,
    EVSEStatus,
    ListOfRootCertificateIDs,
    MeterInfo,
    Processing,
    RationalNumber,
    Receipt,
    V2GRequest,
    V2GResponse,
)

NAMESPACE = "urn:iso:std:iso:15118:-20:CommonMessages"
PREFIX = "v2gci_cm"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "AbsolutePriceScheduleType AdditionalServiceListType AdditionalServiceType AuthorizationReqType "
    "AuthorizationResType AuthorizationSetupReqType AuthorizationSetupResType CertificateChainType "
    "CertificateInstallationReqType CertificateInstallationResType ChargingScheduleType "
    "ContractCertificateChainType Dynamic_EVPPTControlModeType Dynamic_SEReqControlModeType "
    "Dynamic_SEResControlModeType Dynamic_SMDTControlModeType EIM_AReqAuthorizationModeType "
    "EIM_ASResAuthorizationModeType EMAIDListType EVAbsolutePriceScheduleType EVEnergyOfferType "
    "EVPowerProfileEntryListType EVPowerProfileType EVPowerScheduleEntryListType EVPowerScheduleEntryType "
    "EVPowerScheduleType EVPriceRuleStackListType EVPriceRuleStackType EVPriceRuleType "
    "MeteringConfirmationReqType MeteringConfirmationResType OverstayRuleListType OverstayRuleType "
    "ParameterSetType ParameterType PnC_AReqAuthorizationModeType PnC_ASResAuthorizationModeType "
    "PowerDeliveryReqType PowerDeliveryResType PowerScheduleEntryListType PowerScheduleEntryType "
    "PowerScheduleType PriceLevelScheduleEntryListType PriceLevelScheduleEntryType PriceLevelScheduleType "
    "PriceRuleStackListType PriceRuleStackType PriceRuleType PriceScheduleType ScheduleExchangeReqType "
    "ScheduleExchangeResType ScheduleTupleType Scheduled_EVPPTControlModeType "
    "Scheduled_SEReqControlModeType Scheduled_SEResControlModeType Scheduled_SMDTControlModeType "
    "SelectedServiceListType SelectedServiceType ServiceDetailReqType ServiceDetailResType "
    "ServiceDiscoveryReqType ServiceDiscoveryResType ServiceIDListType ServiceListType "
    "ServiceParameterListType ServiceSelectionReqType ServiceSelectionResType ServiceType "
    "SessionSetupReqType SessionSetupResType SessionStopReqType SessionStopResType "
    "SignedCertificateChainType SignedInstallationDataType SignedMeteringDataType SubCertificatesType "
    "SupportedProvidersListType TargetPositionType TaxRuleListType TaxRuleType VehicleCheckInReqType "
    "VehicleCheckInResType VehicleCheckOutReqType VehicleCheckOutResType authorizationType "
    "certificateType channelSelectionType chargeProgressType chargingSessionType currencyType "
    "dhPublicKeyType ecdhCurveType evCheckInStatusType evCheckOutStatusType evseCheckOutStatusType "
    "genChallengeType languageType maxSupportingPointsScheduleTupleType parkingMethodType "
    "powerToleranceAcceptanceType secp521_EncryptedPrivateKeyType serviceIDType "
    "tpm_EncryptedPrivateKeyType x448_EncryptedPrivateKeyType"
)


class SessionSetupReq(V2GRequest, kw_only=True, metaclass=Message):
    """``SessionSetupReqType``."""

    evcc_id: Annotated[str, Element("EVCCID", IDENTIFIER)]


class SessionSetupRes(V2GResponse, kw_only=True, metaclass=Message):
    """``SessionSetupResType``."""

    evse_id: Annotated[str, Element("EVSEID", IDENTIFIER)]


class AuthorizationSetupReq(V2GRequest, kw_only=True, metaclass=Message):
    """``AuthorizationSetupReqType``."""


class Authorization(StrEnum):
    """Values of ``authorizationType``, in the order that gives their codes."""

    EIM = "EIM"
    PnC = "PnC"


class EIM_ASResAuthorizationMode(XsdType, kw_only=True, metaclass=Message):
    """``EIM_ASResAuthorizationModeType``."""


GEN_CHALLENGE = BASE64.restrict(length=16)


class SupportedProvidersList(XsdType, kw_only=True, metaclass=Message):
    """``SupportedProvidersListType``."""

    provider_id: Annotated[list[str], Element("ProviderID", NAME, occurs=(1, 128))]


class PnC_ASResAuthorizationMode(XsdType, kw_only=True, metaclass=Message):
    """``PnC_ASResAuthorizationModeType``."""

    gen_challenge: Annotated[bytes, Element("GenChallenge", GEN_CHALLENGE)]
    supported_providers: Annotated[SupportedProvidersList | None, Element("SupportedProviders")] = None


class AuthorizationSetupRes(V2GResponse, kw_only=True, metaclass=Message):
    """``AuthorizationSetupResType``."""

    authorization_services: Annotated[list[Authorization], Element("AuthorizationServices", occurs=(1, 2))]
    certificate_installation_service: Annotated[bool, Element("CertificateInstallationService", BOOLEAN)]
    eim_as_res_authorization_mode: Annotated[
        EIM_ASResAuthorizationMode | None, Element("EIM_ASResAuthorizationMode", choice="choice")
    ] = None
    pnc_as_res_authorization_mode: Annotated[
        PnC_ASResAuthorizationMode | None, Element("PnC_ASResAuthorizationMode", choice="choice")
    ] = None


class EIM_AReqAuthorizationMode(XsdType, kw_only=True, metaclass=Message):
    """``EIM_AReqAuthorizationModeType``."""


CERTIFICATE = BASE64.restrict(max_length=1600)


class SubCertificates(XsdType, kw_only=True, metaclass=Message):
    """``SubCertificatesType``."""

    certificate: Annotated[list[bytes], Element("Certificate", CERTIFICATE, occurs=(1, 3))]


class ContractCertificateChain(XsdType, kw_only=True, metaclass=Message):
    """``ContractCertificateChainType``."""

    certificate: Annotated[bytes, Element("Certificate", CERTIFICATE)]
    sub_certificates: Annotated[SubCertificates, Element("SubCertificates")]


class PnC_AReqAuthorizationMode(XsdType, kw_only=True, metaclass=Message):
    """``PnC_AReqAuthorizationModeType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    gen_challenge: Annotated[bytes, Element("GenChallenge", GEN_CHALLENGE)]
    contract_certificate_chain: Annotated[ContractCertificateChain, Element("ContractCertificateChain")]


class AuthorizationReq(V2GRequest, kw_only=True, metaclass=Message):
    """``AuthorizationReqType``."""

    selected_authorization_service: Annotated[Authorization, Element("SelectedAuthorizationService")]
    eim_a_req_authorization_mode: Annotated[
        EIM_AReqAuthorizationMode | None, Element("EIM_AReqAuthorizationMode", choice="choice")
    ] = None
    pnc_a_req_authorization_mode: Annotated[
        PnC_AReqAuthorizationMode | None, Element("PnC_AReqAuthorizationMode", choice="choice")
    ] = None


class AuthorizationRes(V2GResponse, kw_only=True, metaclass=Message):
    """``AuthorizationResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]


SERVICE_ID = UNSIGNED_SHORT


class ServiceIDList(XsdType, kw_only=True, metaclass=Message):
    """``ServiceIDListType``."""

    service_id: Annotated[list[int], Element("ServiceID", SERVICE_ID, occurs=(1, 16))]


class ServiceDiscoveryReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ServiceDiscoveryReqType``."""

    supported_service_ids: Annotated[ServiceIDList | None, Element("SupportedServiceIDs")] = None


class Service(XsdType, kw_only=True, metaclass=Message):
    """``ServiceType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    free_service: Annotated[bool, Element("FreeService", BOOLEAN)]


class ServiceList(XsdType, kw_only=True, metaclass=Message):
    """``ServiceListType``."""

    service: Annotated[list[Service], Element("Service", occurs=(1, 8))]


class ServiceDiscoveryRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ServiceDiscoveryResType``."""

    service_renegotiation_supported: Annotated[bool, Element("ServiceRenegotiationSupported", BOOLEAN)]
    energy_transfer_service_list: Annotated[ServiceList, Element("EnergyTransferServiceList")]
    vas_list: Annotated[ServiceList | None, Element("VASList")] = None


class ServiceDetailReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ServiceDetailReqType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]


class Parameter(XsdType, kw_only=True, metaclass=Message):
    """``ParameterType``."""

    name: Annotated[str, Attribute("Name", NAME, ns=NAMESPACE)]
    bool_value: Annotated[bool | None, Element("boolValue", BOOLEAN, choice="choice")] = None
    byte_value: Annotated[int | None, Element("byteValue", BYTE, choice="choice")] = None
    short_value: Annotated[int | None, Element("shortValue", SHORT, choice="choice")] = None
    int_value: Annotated[int | None, Element("intValue", INT, choice="choice")] = None
    rational_number: Annotated[RationalNumber | None, Element("rationalNumber", choice="choice")] = None
    finite_string: Annotated[str | None, Element("finiteString", NAME, choice="choice")] = None


class ParameterSet(XsdType, kw_only=True, metaclass=Message):
    """``ParameterSetType``."""

    parameter_set_id: Annotated[int, Element("ParameterSetID", SERVICE_ID)]
    parameter: Annotated[list[Parameter], Element("Parameter", occurs=(1, 32))]


class ServiceParameterList(XsdType, kw_only=True, metaclass=Message):
    """``ServiceParameterListType``."""

    parameter_set: Annotated[list[ParameterSet], Element("ParameterSet", occurs=(1, 32))]


class ServiceDetailRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ServiceDetailResType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    service_parameter_list: Annotated[ServiceParameterList, Element("ServiceParameterList")]


class SelectedService(XsdType, kw_only=True, metaclass=Message):
    """``SelectedServiceType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    parameter_set_id: Annotated[int, Element("ParameterSetID", SERVICE_ID)]


class SelectedServiceList(XsdType, kw_only=True, metaclass=Message):
    """``SelectedServiceListType``."""

    selected_service: Annotated[list[SelectedService], Element("SelectedService", occurs=(1, 16))]


class ServiceSelectionReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ServiceSelectionReqType``."""

    selected_energy_transfer_service: Annotated[SelectedService, Element("SelectedEnergyTransferService")]
    selected_vas_list: Annotated[SelectedServiceList | None, Element("SelectedVASList")] = None


class ServiceSelectionRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ServiceSelectionResType``."""


MAX_SUPPORTING_POINTS_SCHEDULE_TUPLE = UNSIGNED_SHORT.restrict(minimum=12, maximum=1024)


class Dynamic_SEReqControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Dynamic_SEReqControlModeType``."""

    departure_time: Annotated[int, Element("DepartureTime", UNSIGNED_INT)]
    minimum_soc: Annotated[int | None, Element("MinimumSOC", PERCENT_VALUE)] = None
    target_soc: Annotated[int | None, Element("TargetSOC", PERCENT_VALUE)] = None
    ev_target_energy_request: Annotated[RationalNumber, Element("EVTargetEnergyRequest")]
    ev_maximum_energy_request: Annotated[RationalNumber, Element("EVMaximumEnergyRequest")]
    ev_minimum_energy_request: Annotated[RationalNumber, Element("EVMinimumEnergyRequest")]
    ev_maximum_v2x_energy_request: Annotated[RationalNumber | None, Element("EVMaximumV2XEnergyRequest")] = (
        None
    )
    ev_minimum_v2x_energy_request: Annotated[RationalNumber | None, Element("EVMinimumV2XEnergyRequest")] = (
        None
    )


class EVPowerScheduleEntry(XsdType, kw_only=True, metaclass=Message):
    """``EVPowerScheduleEntryType``."""

    duration: Annotated[int, Element("Duration", UNSIGNED_INT)]
    power: Annotated[RationalNumber, Element("Power")]


class EVPowerScheduleEntryList(XsdType, kw_only=True, metaclass=Message):
    """``EVPowerScheduleEntryListType``."""

    ev_power_schedule_entry: Annotated[
        list[EVPowerScheduleEntry], Element("EVPowerScheduleEntry", occurs=(1, 1024))
    ]


class EVPowerSchedule(XsdType, kw_only=True, metaclass=Message):
    """``EVPowerScheduleType``."""

    time_anchor: Annotated[int, Element("TimeAnchor", UNSIGNED_LONG)]
    ev_power_schedule_entries: Annotated[EVPowerScheduleEntryList, Element("EVPowerScheduleEntries")]


CURRENCY = STRING.restrict(max_length=3)


class EVPriceRule(XsdType, kw_only=True, metaclass=Message):
    """``EVPriceRuleType``."""

    energy_fee: Annotated[RationalNumber, Element("EnergyFee")]
    power_range_start: Annotated[RationalNumber, Element("PowerRangeStart")]


class EVPriceRuleStack(XsdType, kw_only=True, metaclass=Message):
    """``EVPriceRuleStackType``."""

    duration: Annotated[int, Element("Duration", UNSIGNED_INT)]
    ev_price_rule: Annotated[list[EVPriceRule], Element("EVPriceRule", occurs=(1, 8))]


class EVPriceRuleStackList(XsdType, kw_only=True, metaclass=Message):
    """``EVPriceRuleStackListType``."""

    ev_price_rule_stack: Annotated[list[EVPriceRuleStack], Element("EVPriceRuleStack", occurs=(1, 1024))]


class EVAbsolutePriceSchedule(XsdType, kw_only=True, metaclass=Message):
    """``EVAbsolutePriceScheduleType``."""

    time_anchor: Annotated[int, Element("TimeAnchor", UNSIGNED_LONG)]
    currency: Annotated[str, Element("Currency", CURRENCY)]
    price_algorithm: Annotated[str, Element("PriceAlgorithm", IDENTIFIER)]
    ev_price_rule_stacks: Annotated[EVPriceRuleStackList, Element("EVPriceRuleStacks")]


class EVEnergyOffer(XsdType, kw_only=True, metaclass=Message):
    """``EVEnergyOfferType``."""

    ev_power_schedule: Annotated[EVPowerSchedule, Element("EVPowerSchedule")]
    ev_absolute_price_schedule: Annotated[EVAbsolutePriceSchedule, Element("EVAbsolutePriceSchedule")]


class Scheduled_SEReqControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Scheduled_SEReqControlModeType``."""

    departure_time: Annotated[int | None, Element("DepartureTime", UNSIGNED_INT)] = None
    ev_target_energy_request: Annotated[RationalNumber | None, Element("EVTargetEnergyRequest")] = None
    ev_maximum_energy_request: Annotated[RationalNumber | None, Element("EVMaximumEnergyRequest")] = None
    ev_minimum_energy_request: Annotated[RationalNumber | None, Element("EVMinimumEnergyRequest")] = None
    ev_energy_offer: Annotated[EVEnergyOffer | None, Element("EVEnergyOffer")] = None


class ScheduleExchangeReq(V2GRequest, kw_only=True, metaclass=Message):
    """``ScheduleExchangeReqType``."""

    maximum_supporting_points: Annotated[
        int, Element("MaximumSupportingPoints", MAX_SUPPORTING_POINTS_SCHEDULE_TUPLE)
    ]
    dynamic_se_req_control_mode: Annotated[
        Dynamic_SEReqControlMode | None, Element("Dynamic_SEReqControlMode", choice="choice")
    ] = None
    scheduled_se_req_control_mode: Annotated[
        Scheduled_SEReqControlMode | None, Element("Scheduled_SEReqControlMode", choice="choice")
    ] = None


class PriceSchedule(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``PriceScheduleType`` (abstract)."""

    time_anchor: Annotated[int, Element("TimeAnchor", UNSIGNED_LONG)]
    price_schedule_id: Annotated[int, Element("PriceScheduleID", NUMERIC_ID)]
    price_schedule_description: Annotated[str | None, Element("PriceScheduleDescription", DESCRIPTION)] = None


LANGUAGE = STRING.restrict(max_length=3)


class TaxRule(XsdType, kw_only=True, metaclass=Message):
    """``TaxRuleType``."""

    tax_rule_id: Annotated[int, Element("TaxRuleID", NUMERIC_ID)]
    tax_rule_name: Annotated[str | None, Element("TaxRuleName", NAME)] = None
    tax_rate: Annotated[RationalNumber, Element("TaxRate")]
    tax_included_in_price: Annotated[bool | None, Element("TaxIncludedInPrice", BOOLEAN)] = None
    applies_to_energy_fee: Annotated[bool, Element("AppliesToEnergyFee", BOOLEAN)]
    applies_to_parking_fee: Annotated[bool, Element("AppliesToParkingFee", BOOLEAN)]
    applies_to_overstay_fee: Annotated[bool, Element("AppliesToOverstayFee", BOOLEAN)]
    applies_minimum_maximum_cost: Annotated[bool, Element("AppliesMinimumMaximumCost", BOOLEAN)]


class TaxRuleList(XsdType, kw_only=True, metaclass=Message):
    """``TaxRuleListType``."""

    tax_rule: Annotated[list[TaxRule], Element("TaxRule", occurs=(1, 10))]


class PriceRule(XsdType, kw_only=True, metaclass=Message):
    """``PriceRuleType``."""

    energy_fee: Annotated[RationalNumber, Element("EnergyFee")]
    parking_fee: Annotated[RationalNumber | None, Element("ParkingFee")] = None
    parking_fee_period: Annotated[int | None, Element("ParkingFeePeriod", UNSIGNED_INT)] = None
    carbon_dioxide_emission: Annotated[int | None, Element("CarbonDioxideEmission", UNSIGNED_SHORT)] = None
    renewable_generation_percentage: Annotated[
        int | None, Element("RenewableGenerationPercentage", UNSIGNED_BYTE)
    ] = None
    power_range_start: Annotated[RationalNumber, Element("PowerRangeStart")]


class PriceRuleStack(XsdType, kw_only=True, metaclass=Message):
    """``PriceRuleStackType``."""

    duration: Annotated[int, Element("Duration", UNSIGNED_INT)]
    price_rule: Annotated[list[PriceRule], Element("PriceRule", occurs=(1, 8))]


class PriceRuleStackList(XsdType, kw_only=True, metaclass=Message):
    """``PriceRuleStackListType``."""

    price_rule_stack: Annotated[list[PriceRuleStack], Element("PriceRuleStack", occurs=(1, 1024))]


class OverstayRule(XsdType, kw_only=True, metaclass=Message):
    """``OverstayRuleType``."""

    overstay_rule_description: Annotated[str | None, Element("OverstayRuleDescription", DESCRIPTION)] = None
    start_time: Annotated[int, Element("StartTime", UNSIGNED_INT)]
    overstay_fee: Annotated[RationalNumber, Element("OverstayFee")]
    overstay_fee_period: Annotated[int, Element("OverstayFeePeriod", UNSIGNED_INT)]


class OverstayRuleList(XsdType, kw_only=True, metaclass=Message):
    """``OverstayRuleListType``."""

    overstay_time_threshold: Annotated[int | None, Element("OverstayTimeThreshold", UNSIGNED_INT)] = None
    overstay_power_threshold: Annotated[RationalNumber | None, Element("OverstayPowerThreshold")] = None
    overstay_rule: Annotated[list[OverstayRule], Element("OverstayRule", occurs=(1, 5))]


class AdditionalService(XsdType, kw_only=True, metaclass=Message):
    """``AdditionalServiceType``."""

    service_name: Annotated[str, Element("ServiceName", NAME)]
    service_fee: Annotated[RationalNumber, Element("ServiceFee")]


class AdditionalServiceList(XsdType, kw_only=True, metaclass=Message):
    """``AdditionalServiceListType``."""

    additional_service: Annotated[list[AdditionalService], Element("AdditionalService", occurs=(1, 5))]


class AbsolutePriceSchedule(PriceSchedule, kw_only=True, metaclass=Message):
    """``AbsolutePriceScheduleType``."""

    id: Annotated[str | None, Attribute("Id", ID, ns=NAMESPACE)] = None
    currency: Annotated[str, Element("Currency", CURRENCY)]
    language: Annotated[str, Element("Language", LANGUAGE)]
    price_algorithm: Annotated[str, Element("PriceAlgorithm", IDENTIFIER)]
    minimum_cost: Annotated[RationalNumber | None, Element("MinimumCost")] = None
    maximum_cost: Annotated[RationalNumber | None, Element("MaximumCost")] = None
    tax_rules: Annotated[TaxRuleList | None, Element("TaxRules")] = None
    price_rule_stacks: Annotated[PriceRuleStackList, Element("PriceRuleStacks")]
    overstay_rules: Annotated[OverstayRuleList | None, Element("OverstayRules")] = None
    additional_selected_services: Annotated[
        AdditionalServiceList | None, Element("AdditionalSelectedServices")
    ] = None


class PriceLevelScheduleEntry(XsdType, kw_only=True, metaclass=Message):
    """``PriceLevelScheduleEntryType``."""

    duration: Annotated[int, Element("Duration", UNSIGNED_INT)]
    price_level: Annotated[int, Element("PriceLevel", UNSIGNED_BYTE)]


class PriceLevelScheduleEntryList(XsdType, kw_only=True, metaclass=Message):
    """``PriceLevelScheduleEntryListType``."""

    price_level_schedule_entry: Annotated[
        list[PriceLevelScheduleEntry], Element("PriceLevelScheduleEntry", occurs=(1, 1024))
    ]


class PriceLevelSchedule(PriceSchedule, kw_only=True, metaclass=Message):
    """``PriceLevelScheduleType``."""

    id: Annotated[str | None, Attribute("Id", ID, ns=NAMESPACE)] = None
    number_of_price_levels: Annotated[int, Element("NumberOfPriceLevels", UNSIGNED_BYTE)]
    price_level_schedule_entries: Annotated[PriceLevelScheduleEntryList, Element("PriceLevelScheduleEntries")]


class Dynamic_SEResControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Dynamic_SEResControlModeType``."""

    departure_time: Annotated[int | None, Element("DepartureTime", UNSIGNED_INT)] = None
    minimum_soc: Annotated[int | None, Element("MinimumSOC", PERCENT_VALUE)] = None
    target_soc: Annotated[int | None, Element("TargetSOC", PERCENT_VALUE)] = None
    absolute_price_schedule: Annotated[
        AbsolutePriceSchedule | None, Element("AbsolutePriceSchedule", choice="choice?")
    ] = None
    price_level_schedule: Annotated[
        PriceLevelSchedule | None, Element("PriceLevelSchedule", choice="choice?")
    ] = None


class PowerScheduleEntry(XsdType, kw_only=True, metaclass=Message):
    """``PowerScheduleEntryType``."""

    duration: Annotated[int, Element("Duration", UNSIGNED_INT)]
    power: Annotated[RationalNumber, Element("Power")]
    power_l2: Annotated[RationalNumber | None, Element("Power_L2")] = None
    power_l3: Annotated[RationalNumber | None, Element("Power_L3")] = None


class PowerScheduleEntryList(XsdType, kw_only=True, metaclass=Message):
    """``PowerScheduleEntryListType``."""

    power_schedule_entry: Annotated[list[PowerScheduleEntry], Element("PowerScheduleEntry", occurs=(1, 1024))]


class PowerSchedule(XsdType, kw_only=True, metaclass=Message):
    """``PowerScheduleType``."""

    time_anchor: Annotated[int, Element("TimeAnchor", UNSIGNED_LONG)]
    available_energy: Annotated[RationalNumber | None, Element("AvailableEnergy")] = None
    power_tolerance: Annotated[RationalNumber | None, Element("PowerTolerance")] = None
    power_schedule_entries: Annotated[PowerScheduleEntryList, Element("PowerScheduleEntries")]


class ChargingSchedule(XsdType, kw_only=True, metaclass=Message):
    """``ChargingScheduleType``."""

    power_schedule: Annotated[PowerSchedule, Element("PowerSchedule")]
    absolute_price_schedule: Annotated[
        AbsolutePriceSchedule | None, Element("AbsolutePriceSchedule", choice="choice?")
    ] = None
    price_level_schedule: Annotated[
        PriceLevelSchedule | None, Element("PriceLevelSchedule", choice="choice?")
    ] = None


class ScheduleTuple(XsdType, kw_only=True, metaclass=Message):
    """``ScheduleTupleType``."""

    schedule_tuple_id: Annotated[int, Element("ScheduleTupleID", NUMERIC_ID)]
    charging_schedule: Annotated[ChargingSchedule, Element("ChargingSchedule")]
    discharging_schedule: Annotated[ChargingSchedule | None, Element("DischargingSchedule")] = None


class Scheduled_SEResControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Scheduled_SEResControlModeType``."""

    schedule_tuple: Annotated[list[ScheduleTuple], Element("ScheduleTuple", occurs=(1, 3))]


class ScheduleExchangeRes(V2GResponse, kw_only=True, metaclass=Message):
    """``ScheduleExchangeResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    go_to_pause: Annotated[bool | None, Element("GoToPause", BOOLEAN)] = None
    dynamic_se_res_control_mode: Annotated[
        Dynamic_SEResControlMode | None, Element("Dynamic_SEResControlMode", choice="choice")
    ] = None
    scheduled_se_res_control_mode: Annotated[
        Scheduled_SEResControlMode | None, Element("Scheduled_SEResControlMode", choice="choice")
    ] = None


class ChargeProgress(StrEnum):
    """Values of ``chargeProgressType``, in the order that gives their codes."""

    Start = "Start"
    Stop = "Stop"
    Standby = "Standby"
    ScheduleRenegotiation = "ScheduleRenegotiation"


class Dynamic_EVPPTControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Dynamic_EVPPTControlModeType``."""


class PowerToleranceAcceptance(StrEnum):
    """Values of ``powerToleranceAcceptanceType``, in the order that gives their codes."""

    PowerToleranceNotConfirmed = "PowerToleranceNotConfirmed"
    PowerToleranceConfirmed = "PowerToleranceConfirmed"


class Scheduled_EVPPTControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Scheduled_EVPPTControlModeType``."""

    selected_schedule_tuple_id: Annotated[int, Element("SelectedScheduleTupleID", NUMERIC_ID)]
    power_tolerance_acceptance: Annotated[
        PowerToleranceAcceptance | None, Element("PowerToleranceAcceptance")
    ] = None


class EVPowerProfileEntryList(XsdType, kw_only=True, metaclass=Message):
    """``EVPowerProfileEntryListType``."""

    ev_power_profile_entry: Annotated[
        list[PowerScheduleEntry], Element("EVPowerProfileEntry", occurs=(1, 2048))
    ]


class EVPowerProfile(XsdType, kw_only=True, metaclass=Message):
    """``EVPowerProfileType``."""

    time_anchor: Annotated[int, Element("TimeAnchor", UNSIGNED_LONG)]
    dynamic_evppt_control_mode: Annotated[
        Dynamic_EVPPTControlMode | None, Element("Dynamic_EVPPTControlMode", choice="choice")
    ] = None
    scheduled_evppt_control_mode: Annotated[
        Scheduled_EVPPTControlMode | None, Element("Scheduled_EVPPTControlMode", choice="choice")
    ] = None
    ev_power_profile_entries: Annotated[EVPowerProfileEntryList, Element("EVPowerProfileEntries")]


class ChannelSelection(StrEnum):
    """Values of ``channelSelectionType``, in the order that gives their codes."""

    Charge = "Charge"
    Discharge = "Discharge"


class PowerDeliveryReq(V2GRequest, kw_only=True, metaclass=Message):
    """``PowerDeliveryReqType``."""

    ev_processing: Annotated[Processing, Element("EVProcessing")]
    charge_progress: Annotated[ChargeProgress, Element("ChargeProgress")]
    ev_power_profile: Annotated[EVPowerProfile | None, Element("EVPowerProfile")] = None
    bpt_channel_selection: Annotated[ChannelSelection | None, Element("BPT_ChannelSelection")] = None


class PowerDeliveryRes(V2GResponse, kw_only=True, metaclass=Message):
    """``PowerDeliveryResType``."""

    evse_status: Annotated[EVSEStatus | None, Element("EVSEStatus")] = None


class Dynamic_SMDTControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Dynamic_SMDTControlModeType``."""


class Scheduled_SMDTControlMode(XsdType, kw_only=True, metaclass=Message):
    """``Scheduled_SMDTControlModeType``."""

    selected_schedule_tuple_id: Annotated[int, Element("SelectedScheduleTupleID", NUMERIC_ID)]


class SignedMeteringData(XsdType, kw_only=True, metaclass=Message):
    """``SignedMeteringDataType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    session_id: Annotated[bytes, Element("SessionID", SESSION_ID)]
    meter_info: Annotated[MeterInfo, Element("MeterInfo")]
    receipt: Annotated[Receipt | None, Element("Receipt")] = None
    dynamic_smdt_control_mode: Annotated[
        Dynamic_SMDTControlMode | None, Element("Dynamic_SMDTControlMode", choice="choice")
    ] = None
    scheduled_smdt_control_mode: Annotated[
        Scheduled_SMDTControlMode | None, Element("Scheduled_SMDTControlMode", choice="choice")
    ] = None


class MeteringConfirmationReq(V2GRequest, kw_only=True, metaclass=Message):
    """``MeteringConfirmationReqType``."""

    signed_metering_data: Annotated[SignedMeteringData, Element("SignedMeteringData")]


class MeteringConfirmationRes(V2GResponse, kw_only=True, metaclass=Message):
    """``MeteringConfirmationResType``."""


class ChargingSession(StrEnum):
    """Values of ``chargingSessionType``, in the order that gives their codes."""

    Pause = "Pause"
    Terminate = "Terminate"
    ServiceRenegotiation = "ServiceRenegotiation"


class SessionStopReq(V2GRequest, kw_only=True, metaclass=Message):
    """``SessionStopReqType``."""

    charging_session: Annotated[ChargingSession, Element("ChargingSession")]
    ev_termination_code: Annotated[str | None, Element("EVTerminationCode", NAME)] = None
    ev_termination_explanation: Annotated[str | None, Element("EVTerminationExplanation", DESCRIPTION)] = None


class SessionStopRes(V2GResponse, kw_only=True, metaclass=Message):
    """``SessionStopResType``."""


class SignedCertificateChain(XsdType, kw_only=True, metaclass=Message):
    """``SignedCertificateChainType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    certificate: Annotated[bytes, Element("Certificate", CERTIFICATE)]
    sub_certificates: Annotated[SubCertificates | None, Element("SubCertificates")] = None


class EMAIDList(XsdType, kw_only=True, metaclass=Message):
    """``EMAIDListType``."""

    emaid: Annotated[list[str], Element("EMAID", IDENTIFIER, occurs=(1, 8))]


class CertificateInstallationReq(V2GRequest, kw_only=True, metaclass=Message):
    """``CertificateInstallationReqType``."""

    oem_provisioning_certificate_chain: Annotated[
        SignedCertificateChain, Element("OEMProvisioningCertificateChain")
    ]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, Element("ListOfRootCertificateIDs")]
    maximum_contract_certificate_chains: Annotated[
        int, Element("MaximumContractCertificateChains", UNSIGNED_BYTE)
    ]
    prioritized_emaids: Annotated[EMAIDList | None, Element("PrioritizedEMAIDs")] = None


class CertificateChain(XsdType, kw_only=True, metaclass=Message):
    """``CertificateChainType``."""

    certificate: Annotated[bytes, Element("Certificate", CERTIFICATE)]
    sub_certificates: Annotated[SubCertificates | None, Element("SubCertificates")] = None


class EcdhCurve(StrEnum):
    """Values of ``ecdhCurveType``, in the order that gives their codes."""

    SECP521 = "SECP521"
    X448 = "X448"


DH_PUBLIC_KEY = BASE64.restrict(length=133)
SECP521_ENCRYPTED_PRIVATE_KEY = BASE64.restrict(length=94)
X448_ENCRYPTED_PRIVATE_KEY = BASE64.restrict(length=84)
TPM_ENCRYPTED_PRIVATE_KEY = BASE64.restrict(length=206)


class SignedInstallationData(XsdType, kw_only=True, metaclass=Message):
    """``SignedInstallationDataType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    contract_certificate_chain: Annotated[ContractCertificateChain, Element("ContractCertificateChain")]
    ecdh_curve: Annotated[EcdhCurve, Element("ECDHCurve")]
    dh_public_key: Annotated[bytes, Element("DHPublicKey", DH_PUBLIC_KEY)]
    secp521_encrypted_private_key: Annotated[
        bytes | None, Element("SECP521_EncryptedPrivateKey", SECP521_ENCRYPTED_PRIVATE_KEY, choice="choice")
    ] = None
    x448_encrypted_private_key: Annotated[
        bytes | None, Element("X448_EncryptedPrivateKey", X448_ENCRYPTED_PRIVATE_KEY, choice="choice")
    ] = None
    tpm_encrypted_private_key: Annotated[
        bytes | None, Element("TPM_EncryptedPrivateKey", TPM_ENCRYPTED_PRIVATE_KEY, choice="choice")
    ] = None


class CertificateInstallationRes(V2GResponse, kw_only=True, metaclass=Message):
    """``CertificateInstallationResType``."""

    evse_processing: Annotated[Processing, Element("EVSEProcessing")]
    cps_certificate_chain: Annotated[CertificateChain, Element("CPSCertificateChain")]
    signed_installation_data: Annotated[SignedInstallationData, Element("SignedInstallationData")]
    remaining_contract_certificate_chains: Annotated[
        int, Element("RemainingContractCertificateChains", UNSIGNED_BYTE)
    ]


class EvCheckInStatus(StrEnum):
    """Values of ``evCheckInStatusType``, in the order that gives their codes."""

    CheckIn = "CheckIn"
    Processing = "Processing"
    Completed = "Completed"


class ParkingMethod(StrEnum):
    """Values of ``parkingMethodType``, in the order that gives their codes."""

    AutoParking = "AutoParking"
    MVGuideManual = "MVGuideManual"
    Manual = "Manual"


class VehicleCheckInReq(V2GRequest, kw_only=True, metaclass=Message):
    """``VehicleCheckInReqType``."""

    ev_check_in_status: Annotated[EvCheckInStatus, Element("EVCheckInStatus")]
    parking_method: Annotated[ParkingMethod, Element("ParkingMethod")]
    vehicle_frame: Annotated[int | None, Element("VehicleFrame", SHORT)] = None
    device_offset: Annotated[int | None, Element("DeviceOffset", SHORT)] = None
    vehicle_travel: Annotated[int | None, Element("VehicleTravel", SHORT)] = None


class VehicleCheckInRes(V2GResponse, kw_only=True, metaclass=Message):
    """``VehicleCheckInResType``."""

    parking_space: Annotated[int | None, Element("ParkingSpace", SHORT)] = None
    device_location: Annotated[int | None, Element("DeviceLocation", SHORT)] = None
    target_distance: Annotated[int | None, Element("TargetDistance", SHORT)] = None


class EvCheckOutStatus(StrEnum):
    """Values of ``evCheckOutStatusType``, in the order that gives their codes."""

    CheckOut = "CheckOut"
    Processing = "Processing"
    Completed = "Completed"


class VehicleCheckOutReq(V2GRequest, kw_only=True, metaclass=Message):
    """``VehicleCheckOutReqType``."""

    ev_check_out_status: Annotated[EvCheckOutStatus, Element("EVCheckOutStatus")]
    check_out_time: Annotated[int, Element("CheckOutTime", UNSIGNED_LONG)]


class EvseCheckOutStatus(StrEnum):
    """Values of ``evseCheckOutStatusType``, in the order that gives their codes."""

    Scheduled = "Scheduled"
    Completed = "Completed"


class VehicleCheckOutRes(V2GResponse, kw_only=True, metaclass=Message):
    """``VehicleCheckOutResType``."""

    evse_check_out_status: Annotated[EvseCheckOutStatus, Element("EVSECheckOutStatus")]


class TargetPosition(XsdType, kw_only=True, metaclass=Message):
    """``TargetPositionType``."""

    target_offset_x: Annotated[int, Element("TargetOffsetX", UNSIGNED_SHORT)]
    target_offset_y: Annotated[int, Element("TargetOffsetY", UNSIGNED_SHORT)]


ELEMENTS = (
    GlobalElement("SessionSetupReq", SessionSetupReq),
    GlobalElement("SessionSetupRes", SessionSetupRes),
    GlobalElement("AuthorizationSetupReq", AuthorizationSetupReq),
    GlobalElement("AuthorizationSetupRes", AuthorizationSetupRes),
    GlobalElement("AuthorizationReq", AuthorizationReq),
    GlobalElement("AuthorizationRes", AuthorizationRes),
    GlobalElement("ServiceDiscoveryReq", ServiceDiscoveryReq),
    GlobalElement("ServiceDiscoveryRes", ServiceDiscoveryRes),
    GlobalElement("ServiceDetailReq", ServiceDetailReq),
    GlobalElement("ServiceDetailRes", ServiceDetailRes),
    GlobalElement("ServiceSelectionReq", ServiceSelectionReq),
    GlobalElement("ServiceSelectionRes", ServiceSelectionRes),
    GlobalElement("ScheduleExchangeReq", ScheduleExchangeReq),
    GlobalElement("ScheduleExchangeRes", ScheduleExchangeRes),
    GlobalElement("PowerDeliveryReq", PowerDeliveryReq),
    GlobalElement("PowerDeliveryRes", PowerDeliveryRes),
    GlobalElement("MeteringConfirmationReq", MeteringConfirmationReq),
    GlobalElement("MeteringConfirmationRes", MeteringConfirmationRes),
    GlobalElement("SessionStopReq", SessionStopReq),
    GlobalElement("SessionStopRes", SessionStopRes),
    GlobalElement("CertificateInstallationReq", CertificateInstallationReq),
    GlobalElement("CertificateInstallationRes", CertificateInstallationRes),
    GlobalElement("VehicleCheckInReq", VehicleCheckInReq),
    GlobalElement("VehicleCheckInRes", VehicleCheckInRes),
    GlobalElement("VehicleCheckOutReq", VehicleCheckOutReq),
    GlobalElement("VehicleCheckOutRes", VehicleCheckOutRes),
    GlobalElement("SignedInstallationData", SignedInstallationData),
    GlobalElement("SignedMeteringData", SignedMeteringData),
)
