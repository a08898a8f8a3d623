"""DIN SPEC 70121 messages: the schema urn:din:70121:2012:MsgBody."""

from typing import Annotated

from exi.schema import (
    BOOLEAN,
    IDREF,
    LONG,
    SHORT,
    Attribute,
    Element,
    GlobalElement,
    Message,
)
from v2g.messages.din.datatypes import (
    CERTIFICATE,
    CONTRACT_ID,
    D_H_PARAMS,
    EVCC_ID,
    EVSE_ID,
    GEN_CHALLENGE,
    PRIVATE_KEY,
    SA_ID,
    SERVICE_ID,
    SERVICE_SCOPE,
    SESSION_ID,
    AC_EVSEStatus,
    CertificateChain,
    ChargingProfile,
    DC_EVSEStatus,
    DC_EVStatus,
    EVChargeParameter,
    EVPowerDeliveryParameter,
    EVRequestedEnergyTransfer,
    EVSEChargeParameter,
    EVSEProcessing,
    EVSEStatus,
    ListOfRootCertificateIDs,
    MeterInfo,
    PaymentOption,
    PaymentOptions,
    PhysicalValue,
    ResponseCode,
    SASchedules,
    SelectedServiceList,
    ServiceCategory,
    ServiceCharge,
    ServiceParameterList,
    ServiceTagList,
)
from v2g.messages.din.datatypes import (
    NAMESPACE as DATATYPES,
)
from v2g.messages.din.msgdef import (
    BodyBase,
)

NAMESPACE = "urn:din:70121:2012:MsgBody"
PREFIX = "v2gci_b"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "CableCheckReqType CableCheckResType CertificateInstallationReqType CertificateInstallationResType "
    "CertificateUpdateReqType CertificateUpdateResType ChargeParameterDiscoveryReqType "
    "ChargeParameterDiscoveryResType ChargingStatusReqType ChargingStatusResType "
    "ContractAuthenticationReqType ContractAuthenticationResType CurrentDemandReqType "
    "CurrentDemandResType MeteringReceiptReqType MeteringReceiptResType PaymentDetailsReqType "
    "PaymentDetailsResType PowerDeliveryReqType PowerDeliveryResType PreChargeReqType PreChargeResType "
    "ServiceDetailReqType ServiceDetailResType ServiceDiscoveryReqType ServiceDiscoveryResType "
    "ServicePaymentSelectionReqType ServicePaymentSelectionResType SessionSetupReqType "
    "SessionSetupResType SessionStopResType SessionStopType WeldingDetectionReqType "
    "WeldingDetectionResType"
)


class SessionSetupReq(BodyBase, kw_only=True, metaclass=Message):
    """``SessionSetupReqType``."""

    evcc_id: Annotated[bytes, Element("EVCCID", EVCC_ID)]


class SessionSetupRes(BodyBase, kw_only=True, metaclass=Message):
    """``SessionSetupResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_id: Annotated[bytes, Element("EVSEID", EVSE_ID)]
    date_time_now: Annotated[int | None, Element("DateTimeNow", LONG)] = None


class ServiceDiscoveryReq(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDiscoveryReqType``."""

    service_scope: Annotated[str | None, Element("ServiceScope", SERVICE_SCOPE)] = None
    service_category: Annotated[ServiceCategory | None, Element("ServiceCategory")] = None


class ServiceDiscoveryRes(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDiscoveryResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    payment_options: Annotated[PaymentOptions, Element("PaymentOptions")]
    charge_service: Annotated[ServiceCharge, Element("ChargeService")]
    service_list: Annotated[ServiceTagList | None, Element("ServiceList")] = None


class ServiceDetailReq(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDetailReqType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]


class ServiceDetailRes(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDetailResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    service_parameter_list: Annotated[ServiceParameterList | None, Element("ServiceParameterList")] = None


class ServicePaymentSelectionReq(BodyBase, kw_only=True, metaclass=Message):
    """``ServicePaymentSelectionReqType``."""

    selected_payment_option: Annotated[PaymentOption, Element("SelectedPaymentOption")]
    selected_service_list: Annotated[SelectedServiceList, Element("SelectedServiceList")]


class ServicePaymentSelectionRes(BodyBase, kw_only=True, metaclass=Message):
    """``ServicePaymentSelectionResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]


class PaymentDetailsReq(BodyBase, kw_only=True, metaclass=Message):
    """``PaymentDetailsReqType``."""

    contract_id: Annotated[str, Element("ContractID", CONTRACT_ID)]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]


class PaymentDetailsRes(BodyBase, kw_only=True, metaclass=Message):
    """``PaymentDetailsResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    gen_challenge: Annotated[str, Element("GenChallenge", GEN_CHALLENGE)]
    date_time_now: Annotated[int, Element("DateTimeNow", LONG)]


class ContractAuthenticationReq(BodyBase, kw_only=True, metaclass=Message):
    """``ContractAuthenticationReqType``."""

    id: Annotated[str | None, Attribute("Id", IDREF)] = None
    gen_challenge: Annotated[str | None, Element("GenChallenge", GEN_CHALLENGE)] = None


class ContractAuthenticationRes(BodyBase, kw_only=True, metaclass=Message):
    """``ContractAuthenticationResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_processing: Annotated[EVSEProcessing, Element("EVSEProcessing")]


class ChargeParameterDiscoveryReq(BodyBase, kw_only=True, metaclass=Message):
    """``ChargeParameterDiscoveryReqType``."""

    ev_requested_energy_transfer_type: Annotated[
        EVRequestedEnergyTransfer, Element("EVRequestedEnergyTransferType")
    ]
    ev_charge_parameter: Annotated[EVChargeParameter, Element("EVChargeParameter", ns=DATATYPES, ref=True)]


class ChargeParameterDiscoveryRes(BodyBase, kw_only=True, metaclass=Message):
    """``ChargeParameterDiscoveryResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_processing: Annotated[EVSEProcessing, Element("EVSEProcessing")]
    sa_schedules: Annotated[SASchedules, Element("SASchedules", ns=DATATYPES, ref=True)]
    evse_charge_parameter: Annotated[
        EVSEChargeParameter, Element("EVSEChargeParameter", ns=DATATYPES, ref=True)
    ]


class PowerDeliveryReq(BodyBase, kw_only=True, metaclass=Message):
    """``PowerDeliveryReqType``."""

    ready_to_charge_state: Annotated[bool, Element("ReadyToChargeState", BOOLEAN)]
    charging_profile: Annotated[ChargingProfile | None, Element("ChargingProfile")] = None
    ev_power_delivery_parameter: Annotated[
        EVPowerDeliveryParameter | None, Element("EVPowerDeliveryParameter", ns=DATATYPES, ref=True)
    ] = None


class PowerDeliveryRes(BodyBase, kw_only=True, metaclass=Message):
    """``PowerDeliveryResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_status: Annotated[EVSEStatus, Element("EVSEStatus", ns=DATATYPES, ref=True)]


class ChargingStatusReq(BodyBase, kw_only=True, metaclass=Message):
    """``ChargingStatusReqType``."""


class ChargingStatusRes(BodyBase, kw_only=True, metaclass=Message):
    """``ChargingStatusResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_id: Annotated[bytes, Element("EVSEID", EVSE_ID)]
    sa_schedule_tuple_id: Annotated[int, Element("SAScheduleTupleID", SA_ID)]
    evse_max_current: Annotated[PhysicalValue | None, Element("EVSEMaxCurrent")] = None
    meter_info: Annotated[MeterInfo | None, Element("MeterInfo")] = None
    receipt_required: Annotated[bool, Element("ReceiptRequired", BOOLEAN)]
    ac_evse_status: Annotated[AC_EVSEStatus, Element("AC_EVSEStatus")]


class MeteringReceiptReq(BodyBase, kw_only=True, metaclass=Message):
    """``MeteringReceiptReqType``."""

    id: Annotated[str | None, Attribute("Id", IDREF)] = None
    session_id: Annotated[bytes, Element("SessionID", SESSION_ID)]
    sa_schedule_tuple_id: Annotated[int | None, Element("SAScheduleTupleID", SA_ID)] = None
    meter_info: Annotated[MeterInfo, Element("MeterInfo")]


class MeteringReceiptRes(BodyBase, kw_only=True, metaclass=Message):
    """``MeteringReceiptResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    ac_evse_status: Annotated[AC_EVSEStatus, Element("AC_EVSEStatus")]


class SessionStop(BodyBase, kw_only=True, metaclass=Message):
    """``SessionStopType``."""


class SessionStopRes(BodyBase, kw_only=True, metaclass=Message):
    """``SessionStopResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]


class CertificateUpdateReq(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateUpdateReqType``."""

    id: Annotated[str | None, Attribute("Id", IDREF)] = None
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]
    contract_id: Annotated[str, Element("ContractID", CONTRACT_ID)]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, Element("ListOfRootCertificateIDs")]
    dh_params: Annotated[bytes, Element("DHParams", D_H_PARAMS)]


class CertificateUpdateRes(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateUpdateResType``."""

    id: Annotated[str, Attribute("Id", IDREF)]
    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]
    contract_signature_encrypted_private_key: Annotated[
        bytes, Element("ContractSignatureEncryptedPrivateKey", PRIVATE_KEY)
    ]
    dh_params: Annotated[bytes, Element("DHParams", D_H_PARAMS)]
    contract_id: Annotated[str, Element("ContractID", CONTRACT_ID)]
    retry_counter: Annotated[int, Element("RetryCounter", SHORT)]


class CertificateInstallationReq(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateInstallationReqType``."""

    id: Annotated[str | None, Attribute("Id", IDREF)] = None
    oem_provisioning_cert: Annotated[bytes, Element("OEMProvisioningCert", CERTIFICATE)]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, Element("ListOfRootCertificateIDs")]
    dh_params: Annotated[bytes, Element("DHParams", D_H_PARAMS)]


class CertificateInstallationRes(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateInstallationResType``."""

    id: Annotated[str, Attribute("Id", IDREF)]
    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]
    contract_signature_encrypted_private_key: Annotated[
        bytes, Element("ContractSignatureEncryptedPrivateKey", PRIVATE_KEY)
    ]
    dh_params: Annotated[bytes, Element("DHParams", D_H_PARAMS)]
    contract_id: Annotated[str, Element("ContractID", CONTRACT_ID)]


class CableCheckReq(BodyBase, kw_only=True, metaclass=Message):
    """``CableCheckReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]


class CableCheckRes(BodyBase, kw_only=True, metaclass=Message):
    """``CableCheckResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, Element("DC_EVSEStatus")]
    evse_processing: Annotated[EVSEProcessing, Element("EVSEProcessing")]


class PreChargeReq(BodyBase, kw_only=True, metaclass=Message):
    """``PreChargeReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]
    ev_target_voltage: Annotated[PhysicalValue, Element("EVTargetVoltage")]
    ev_target_current: Annotated[PhysicalValue, Element("EVTargetCurrent")]


class PreChargeRes(BodyBase, kw_only=True, metaclass=Message):
    """``PreChargeResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, Element("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, Element("EVSEPresentVoltage")]


class CurrentDemandReq(BodyBase, kw_only=True, metaclass=Message):
    """``CurrentDemandReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]
    ev_target_current: Annotated[PhysicalValue, Element("EVTargetCurrent")]
    ev_maximum_voltage_limit: Annotated[PhysicalValue | None, Element("EVMaximumVoltageLimit")] = None
    ev_maximum_current_limit: Annotated[PhysicalValue | None, Element("EVMaximumCurrentLimit")] = None
    ev_maximum_power_limit: Annotated[PhysicalValue | None, Element("EVMaximumPowerLimit")] = None
    bulk_charging_complete: Annotated[bool | None, Element("BulkChargingComplete", BOOLEAN)] = None
    charging_complete: Annotated[bool, Element("ChargingComplete", BOOLEAN)]
    remaining_time_to_full_soc: Annotated[PhysicalValue | None, Element("RemainingTimeToFullSoC")] = None
    remaining_time_to_bulk_soc: Annotated[PhysicalValue | None, Element("RemainingTimeToBulkSoC")] = None
    ev_target_voltage: Annotated[PhysicalValue, Element("EVTargetVoltage")]


class CurrentDemandRes(BodyBase, kw_only=True, metaclass=Message):
    """``CurrentDemandResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, Element("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, Element("EVSEPresentVoltage")]
    evse_present_current: Annotated[PhysicalValue, Element("EVSEPresentCurrent")]
    evse_current_limit_achieved: Annotated[bool, Element("EVSECurrentLimitAchieved", BOOLEAN)]
    evse_voltage_limit_achieved: Annotated[bool, Element("EVSEVoltageLimitAchieved", BOOLEAN)]
    evse_power_limit_achieved: Annotated[bool, Element("EVSEPowerLimitAchieved", BOOLEAN)]
    evse_maximum_voltage_limit: Annotated[PhysicalValue | None, Element("EVSEMaximumVoltageLimit")] = None
    evse_maximum_current_limit: Annotated[PhysicalValue | None, Element("EVSEMaximumCurrentLimit")] = None
    evse_maximum_power_limit: Annotated[PhysicalValue | None, Element("EVSEMaximumPowerLimit")] = None


class WeldingDetectionReq(BodyBase, kw_only=True, metaclass=Message):
    """``WeldingDetectionReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]


class WeldingDetectionRes(BodyBase, kw_only=True, metaclass=Message):
    """``WeldingDetectionResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, Element("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, Element("EVSEPresentVoltage")]


ELEMENTS = (
    GlobalElement(
        "SessionSetupReq",
        SessionSetupReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "SessionSetupRes",
        SessionSetupRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ServiceDiscoveryReq",
        ServiceDiscoveryReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ServiceDiscoveryRes",
        ServiceDiscoveryRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ServiceDetailReq",
        ServiceDetailReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ServiceDetailRes",
        ServiceDetailRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ServicePaymentSelectionReq",
        ServicePaymentSelectionReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ServicePaymentSelectionRes",
        ServicePaymentSelectionRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "PaymentDetailsReq",
        PaymentDetailsReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "PaymentDetailsRes",
        PaymentDetailsRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ContractAuthenticationReq",
        ContractAuthenticationReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ContractAuthenticationRes",
        ContractAuthenticationRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ChargeParameterDiscoveryReq",
        ChargeParameterDiscoveryReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ChargeParameterDiscoveryRes",
        ChargeParameterDiscoveryRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "PowerDeliveryReq",
        PowerDeliveryReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "PowerDeliveryRes",
        PowerDeliveryRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ChargingStatusReq",
        ChargingStatusReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "ChargingStatusRes",
        ChargingStatusRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "MeteringReceiptReq",
        MeteringReceiptReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "MeteringReceiptRes",
        MeteringReceiptRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "SessionStopReq", SessionStop, substitutes="BodyElement", substitutes_ns="urn:din:70121:2012:MsgDef"
    ),
    GlobalElement(
        "SessionStopRes",
        SessionStopRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "CertificateUpdateReq",
        CertificateUpdateReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "CertificateUpdateRes",
        CertificateUpdateRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "CertificateInstallationReq",
        CertificateInstallationReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "CertificateInstallationRes",
        CertificateInstallationRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "CableCheckReq", CableCheckReq, substitutes="BodyElement", substitutes_ns="urn:din:70121:2012:MsgDef"
    ),
    GlobalElement(
        "CableCheckRes", CableCheckRes, substitutes="BodyElement", substitutes_ns="urn:din:70121:2012:MsgDef"
    ),
    GlobalElement(
        "PreChargeReq", PreChargeReq, substitutes="BodyElement", substitutes_ns="urn:din:70121:2012:MsgDef"
    ),
    GlobalElement(
        "PreChargeRes", PreChargeRes, substitutes="BodyElement", substitutes_ns="urn:din:70121:2012:MsgDef"
    ),
    GlobalElement(
        "CurrentDemandReq",
        CurrentDemandReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "CurrentDemandRes",
        CurrentDemandRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "WeldingDetectionReq",
        WeldingDetectionReq,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
    GlobalElement(
        "WeldingDetectionRes",
        WeldingDetectionRes,
        substitutes="BodyElement",
        substitutes_ns="urn:din:70121:2012:MsgDef",
    ),
)
