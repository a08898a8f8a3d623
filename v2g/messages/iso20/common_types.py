"""ISO 15118-20 messages: the schema urn:iso:std:iso:15118:-20:CommonTypes."""

from enum import StrEnum
from typing import Annotated

from exi.schema import (
    BASE64,
    BOOLEAN,
    BYTE,
    HEX,
    SHORT,
    STRING,
    UNSIGNED_INT,
    UNSIGNED_LONG,
    UNSIGNED_SHORT,
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.xmldsig import (
    NAMESPACE as XMLDSIG,
)
from v2g.messages.xmldsig import (
    Signature,
    X509IssuerSerial,
)

NAMESPACE = "urn:iso:std:iso:15118:-20:CommonTypes"
PREFIX = "v2gci_ct"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "CLReqControlModeType CLResControlModeType ChargeLoopReqType ChargeLoopResType "
    "ChargeParameterDiscoveryReqType ChargeParameterDiscoveryResType DetailedCostType DetailedTaxType "
    "DisplayParametersType Dynamic_CLReqControlModeType Dynamic_CLResControlModeType EVSEStatusType "
    "ListOfRootCertificateIDsType MessageHeaderType MeterInfoType RationalNumberType ReceiptType "
    "Scheduled_CLReqControlModeType Scheduled_CLResControlModeType V2GMessageType V2GRequestType "
    "V2GResponseType descriptionType evseNotificationType identifierType meterIDType meterSignatureType "
    "nameType numericIDType percentValueType processingType responseCodeType sessionIDType"
)

SESSION_ID = HEX.restrict(length=8)


class MessageHeader(XsdType, kw_only=True, metaclass=Message):
    """``MessageHeaderType``."""

    session_id: Annotated[bytes, Element("SessionID", SESSION_ID)]
    time_stamp: Annotated[int, Element("TimeStamp", UNSIGNED_LONG)]
    signature: Annotated[Signature | None, Element("Signature", ns=XMLDSIG, ref=True)] = None


class V2GMessage(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``V2GMessageType`` (abstract)."""

    header: Annotated[MessageHeader, Element("Header")]


class V2GRequest(V2GMessage, kw_only=True, metaclass=Message, abstract=True):
    """``V2GRequestType`` (abstract)."""


class ResponseCode(StrEnum):
    """Values of ``responseCodeType``, in the order that gives their codes."""

    OK = "OK"
    OK_CertificateExpiresSoon = "OK_CertificateExpiresSoon"
    OK_NewSessionEstablished = "OK_NewSessionEstablished"
    OK_OldSessionJoined = "OK_OldSessionJoined"
    OK_PowerToleranceConfirmed = "OK_PowerToleranceConfirmed"
    WARNING_AuthorizationSelectionInvalid = "WARNING_AuthorizationSelectionInvalid"
    WARNING_CertificateExpired = "WARNING_CertificateExpired"
    WARNING_CertificateNotYetValid = "WARNING_CertificateNotYetValid"
    WARNING_CertificateRevoked = "WARNING_CertificateRevoked"
    WARNING_CertificateValidationError = "WARNING_CertificateValidationError"
    WARNING_ChallengeInvalid = "WARNING_ChallengeInvalid"
    WARNING_EIMAuthorizationFailure = "WARNING_EIMAuthorizationFailure"
    WARNING_eMSPUnknown = "WARNING_eMSPUnknown"
    WARNING_EVPowerProfileViolation = "WARNING_EVPowerProfileViolation"
    WARNING_GeneralPnCAuthorizationError = "WARNING_GeneralPnCAuthorizationError"
    WARNING_NoCertificateAvailable = "WARNING_NoCertificateAvailable"
    WARNING_NoContractMatchingPCIDFound = "WARNING_NoContractMatchingPCIDFound"
    WARNING_PowerToleranceNotConfirmed = "WARNING_PowerToleranceNotConfirmed"
    WARNING_ScheduleRenegotiationFailed = "WARNING_ScheduleRenegotiationFailed"
    WARNING_StandbyNotAllowed = "WARNING_StandbyNotAllowed"
    WARNING_WPT = "WARNING_WPT"
    FAILED = "FAILED"
    FAILED_AssociationError = "FAILED_AssociationError"
    FAILED_ContactorError = "FAILED_ContactorError"
    FAILED_EVPowerProfileInvalid = "FAILED_EVPowerProfileInvalid"
    FAILED_EVPowerProfileViolation = "FAILED_EVPowerProfileViolation"
    FAILED_MeteringSignatureNotValid = "FAILED_MeteringSignatureNotValid"
    FAILED_NoEnergyTransferServiceSelected = "FAILED_NoEnergyTransferServiceSelected"
    FAILED_NoServiceRenegotiationSupported = "FAILED_NoServiceRenegotiationSupported"
    FAILED_PauseNotAllowed = "FAILED_PauseNotAllowed"
    FAILED_PowerDeliveryNotApplied = "FAILED_PowerDeliveryNotApplied"
    FAILED_PowerToleranceNotConfirmed = "FAILED_PowerToleranceNotConfirmed"
    FAILED_ScheduleRenegotiation = "FAILED_ScheduleRenegotiation"
    FAILED_ScheduleSelectionInvalid = "FAILED_ScheduleSelectionInvalid"
    FAILED_SequenceError = "FAILED_SequenceError"
    FAILED_ServiceIDInvalid = "FAILED_ServiceIDInvalid"
    FAILED_ServiceSelectionInvalid = "FAILED_ServiceSelectionInvalid"
    FAILED_SignatureError = "FAILED_SignatureError"
    FAILED_UnknownSession = "FAILED_UnknownSession"
    FAILED_WrongChargeParameter = "FAILED_WrongChargeParameter"


class V2GResponse(V2GMessage, kw_only=True, metaclass=Message, abstract=True):
    """``V2GResponseType`` (abstract)."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]


class ChargeParameterDiscoveryReq(V2GRequest, kw_only=True, metaclass=Message, abstract=True):
    """``ChargeParameterDiscoveryReqType`` (abstract)."""


class ChargeParameterDiscoveryRes(V2GResponse, kw_only=True, metaclass=Message, abstract=True):
    """``ChargeParameterDiscoveryResType`` (abstract)."""


PERCENT_VALUE = BYTE.restrict(minimum=0, maximum=100)


class RationalNumber(XsdType, kw_only=True, metaclass=Message):
    """``RationalNumberType``."""

    exponent: Annotated[int, Element("Exponent", BYTE)]
    value: Annotated[int, Element("Value", SHORT)]


class DisplayParameters(XsdType, kw_only=True, metaclass=Message):
    """``DisplayParametersType``."""

    present_soc: Annotated[int | None, Element("PresentSOC", PERCENT_VALUE)] = None
    minimum_soc: Annotated[int | None, Element("MinimumSOC", PERCENT_VALUE)] = None
    target_soc: Annotated[int | None, Element("TargetSOC", PERCENT_VALUE)] = None
    maximum_soc: Annotated[int | None, Element("MaximumSOC", PERCENT_VALUE)] = None
    remaining_time_to_minimum_soc: Annotated[
        int | None, Element("RemainingTimeToMinimumSOC", UNSIGNED_INT)
    ] = None
    remaining_time_to_target_soc: Annotated[int | None, Element("RemainingTimeToTargetSOC", UNSIGNED_INT)] = (
        None
    )
    remaining_time_to_maximum_soc: Annotated[
        int | None, Element("RemainingTimeToMaximumSOC", UNSIGNED_INT)
    ] = None
    charging_complete: Annotated[bool | None, Element("ChargingComplete", BOOLEAN)] = None
    battery_energy_capacity: Annotated[RationalNumber | None, Element("BatteryEnergyCapacity")] = None
    inlet_hot: Annotated[bool | None, Element("InletHot", BOOLEAN)] = None


class ChargeLoopReq(V2GRequest, kw_only=True, metaclass=Message, abstract=True):
    """``ChargeLoopReqType`` (abstract)."""

    display_parameters: Annotated[DisplayParameters | None, Element("DisplayParameters")] = None
    meter_info_requested: Annotated[bool, Element("MeterInfoRequested", BOOLEAN)]


class EvseNotification(StrEnum):
    """Values of ``evseNotificationType``, in the order that gives their codes."""

    Pause = "Pause"
    ExitStandby = "ExitStandby"
    Terminate = "Terminate"
    ScheduleRenegotiation = "ScheduleRenegotiation"
    ServiceRenegotiation = "ServiceRenegotiation"
    MeteringConfirmation = "MeteringConfirmation"


class EVSEStatus(XsdType, kw_only=True, metaclass=Message):
    """``EVSEStatusType``."""

    notification_max_delay: Annotated[int, Element("NotificationMaxDelay", UNSIGNED_SHORT)]
    evse_notification: Annotated[EvseNotification, Element("EVSENotification")]


METER_ID = STRING.restrict(max_length=32)
METER_SIGNATURE = BASE64.restrict(max_length=64)


class MeterInfo(XsdType, kw_only=True, metaclass=Message):
    """``MeterInfoType``."""

    meter_id: Annotated[str, Element("MeterID", METER_ID)]
    charged_energy_reading_wh: Annotated[int, Element("ChargedEnergyReadingWh", UNSIGNED_LONG)]
    bpt_discharged_energy_reading_wh: Annotated[
        int | None, Element("BPT_DischargedEnergyReadingWh", UNSIGNED_LONG)
    ] = None
    capacitive_energy_reading_varh: Annotated[
        int | None, Element("CapacitiveEnergyReadingVARh", UNSIGNED_LONG)
    ] = None
    bpt_inductive_energy_reading_varh: Annotated[
        int | None, Element("BPT_InductiveEnergyReadingVARh", UNSIGNED_LONG)
    ] = None
    meter_signature: Annotated[bytes | None, Element("MeterSignature", METER_SIGNATURE)] = None
    meter_status: Annotated[int | None, Element("MeterStatus", SHORT)] = None
    meter_timestamp: Annotated[int | None, Element("MeterTimestamp", UNSIGNED_LONG)] = None


class DetailedCost(XsdType, kw_only=True, metaclass=Message):
    """``DetailedCostType``."""

    amount: Annotated[RationalNumber, Element("Amount")]
    cost_per_unit: Annotated[RationalNumber, Element("CostPerUnit")]


NUMERIC_ID = UNSIGNED_INT.restrict(minimum=1, maximum=4294967295)


class DetailedTax(XsdType, kw_only=True, metaclass=Message):
    """``DetailedTaxType``."""

    tax_rule_id: Annotated[int, Element("TaxRuleID", NUMERIC_ID)]
    amount: Annotated[RationalNumber, Element("Amount")]


class Receipt(XsdType, kw_only=True, metaclass=Message):
    """``ReceiptType``."""

    time_anchor: Annotated[int, Element("TimeAnchor", UNSIGNED_LONG)]
    energy_costs: Annotated[DetailedCost | None, Element("EnergyCosts")] = None
    occupancy_costs: Annotated[DetailedCost | None, Element("OccupancyCosts")] = None
    additional_services_costs: Annotated[DetailedCost | None, Element("AdditionalServicesCosts")] = None
    overstay_costs: Annotated[DetailedCost | None, Element("OverstayCosts")] = None
    tax_costs: Annotated[list[DetailedTax], Element("TaxCosts", occurs=(0, 10))] = []


class ChargeLoopRes(V2GResponse, kw_only=True, metaclass=Message, abstract=True):
    """``ChargeLoopResType`` (abstract)."""

    evse_status: Annotated[EVSEStatus | None, Element("EVSEStatus")] = None
    meter_info: Annotated[MeterInfo | None, Element("MeterInfo")] = None
    receipt: Annotated[Receipt | None, Element("Receipt")] = None


class CLReqControlMode(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``CLReqControlModeType`` (abstract)."""


class CLResControlMode(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``CLResControlModeType`` (abstract)."""


class Scheduled_CLReqControlMode(CLReqControlMode, kw_only=True, metaclass=Message, abstract=True):
    """``Scheduled_CLReqControlModeType`` (abstract)."""

    ev_target_energy_request: Annotated[RationalNumber | None, Element("EVTargetEnergyRequest")] = None
    ev_maximum_energy_request: Annotated[RationalNumber | None, Element("EVMaximumEnergyRequest")] = None
    ev_minimum_energy_request: Annotated[RationalNumber | None, Element("EVMinimumEnergyRequest")] = None


class Scheduled_CLResControlMode(CLResControlMode, kw_only=True, metaclass=Message, abstract=True):
    """``Scheduled_CLResControlModeType`` (abstract)."""


class Dynamic_CLReqControlMode(CLReqControlMode, kw_only=True, metaclass=Message, abstract=True):
    """``Dynamic_CLReqControlModeType`` (abstract)."""

    departure_time: Annotated[int | None, Element("DepartureTime", UNSIGNED_INT)] = None
    ev_target_energy_request: Annotated[RationalNumber, Element("EVTargetEnergyRequest")]
    ev_maximum_energy_request: Annotated[RationalNumber, Element("EVMaximumEnergyRequest")]
    ev_minimum_energy_request: Annotated[RationalNumber, Element("EVMinimumEnergyRequest")]


class Dynamic_CLResControlMode(CLResControlMode, kw_only=True, metaclass=Message, abstract=True):
    """``Dynamic_CLResControlModeType`` (abstract)."""

    departure_time: Annotated[int | None, Element("DepartureTime", UNSIGNED_INT)] = None
    minimum_soc: Annotated[int | None, Element("MinimumSOC", PERCENT_VALUE)] = None
    target_soc: Annotated[int | None, Element("TargetSOC", PERCENT_VALUE)] = None
    ack_max_delay: Annotated[int | None, Element("AckMaxDelay", UNSIGNED_SHORT)] = None


class Processing(StrEnum):
    """Values of ``processingType``, in the order that gives their codes."""

    Finished = "Finished"
    Ongoing = "Ongoing"
    Ongoing_WaitingForCustomerInteraction = "Ongoing_WaitingForCustomerInteraction"


IDENTIFIER = STRING.restrict(max_length=255)
NAME = STRING.restrict(max_length=80)
DESCRIPTION = STRING.restrict(max_length=160)


class ListOfRootCertificateIDs(XsdType, kw_only=True, metaclass=Message):
    """``ListOfRootCertificateIDsType``."""

    root_certificate_id: Annotated[list[X509IssuerSerial], Element("RootCertificateID", occurs=(1, 20))]


ELEMENTS = (
    GlobalElement("CLReqControlMode", CLReqControlMode),
    GlobalElement("CLResControlMode", CLResControlMode),
)
