"""ISO 15118-2 messages: the schema urn:iso:15118:2:2013:MsgBody."""

from typing import Annotated

from exi.schema import (
    BOOLEAN,
    ID,
    LONG,
    SHORT,
    UNSIGNED_SHORT,
    Attribute,
    Element,
    GlobalElement,
    Message,
    XsdType,
)
from v2g.messages.iso2.datatypes import (
    CERTIFICATE,
    EMAID,
    EMAID_TEXT,
    EVCC_ID,
    EVSE_ID,
    GEN_CHALLENGE,
    SA_ID,
    SERVICE_ID,
    SERVICE_SCOPE,
    SESSION_ID,
    AC_EVSEStatus,
    CertificateChain,
    ChargeProgress,
    ChargeService,
    ChargingProfile,
    ChargingSession,
    ContractSignatureEncryptedPrivateKey,
    DC_EVSEStatus,
    DC_EVStatus,
    DiffieHellmanPublickey,
    EnergyTransferMode,
    EVChargeParameter,
    EVPowerDeliveryParameter,
    EVSEChargeParameter,
    EVSEProcessing,
    EVSEStatus,
    ListOfRootCertificateIDs,
    MeterInfo,
    PaymentOption,
    PaymentOptionList,
    PhysicalValue,
    ResponseCode,
    SASchedules,
    SelectedServiceList,
    ServiceCategory,
    ServiceList,
    ServiceParameterList,
)
from v2g.messages.iso2.datatypes import (
    NAMESPACE as DATATYPES,
)

NAMESPACE = "urn:iso:15118:2:2013:MsgBody"
PREFIX = "v2gci_b"

# The names of all types that the schema names; string tables start with them.
TYPES = (
    "AuthorizationReqType AuthorizationResType BodyBaseType BodyType CableCheckReqType CableCheckResType "
    "CertificateInstallationReqType CertificateInstallationResType CertificateUpdateReqType "
    "CertificateUpdateResType ChargeParameterDiscoveryReqType ChargeParameterDiscoveryResType "
    "ChargingStatusReqType ChargingStatusResType CurrentDemandReqType CurrentDemandResType "
    "MeteringReceiptReqType MeteringReceiptResType PaymentDetailsReqType PaymentDetailsResType "
    "PaymentServiceSelectionReqType PaymentServiceSelectionResType PowerDeliveryReqType "
    "PowerDeliveryResType PreChargeReqType PreChargeResType ServiceDetailReqType ServiceDetailResType "
    "ServiceDiscoveryReqType ServiceDiscoveryResType SessionSetupReqType SessionSetupResType "
    "SessionStopReqType SessionStopResType WeldingDetectionReqType WeldingDetectionResType"
)


class BodyBase(XsdType, kw_only=True, metaclass=Message, abstract=True):
    """``BodyBaseType`` (abstract)."""


class Body(XsdType, kw_only=True, metaclass=Message):
    """``BodyType``."""

    body_element: Annotated[BodyBase | None, Element("BodyElement", ref=True)] = None


class SessionSetupReq(BodyBase, kw_only=True, metaclass=Message):
    """``SessionSetupReqType``."""

    evcc_id: Annotated[bytes, Element("EVCCID", EVCC_ID)]


class SessionSetupRes(BodyBase, kw_only=True, metaclass=Message):
    """``SessionSetupResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_id: Annotated[str, Element("EVSEID", EVSE_ID)]
    evse_time_stamp: Annotated[int | None, Element("EVSETimeStamp", LONG)] = None


class ServiceDiscoveryReq(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDiscoveryReqType``."""

    service_scope: Annotated[str | None, Element("ServiceScope", SERVICE_SCOPE)] = None
    service_category: Annotated[ServiceCategory | None, Element("ServiceCategory")] = None


class ServiceDiscoveryRes(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDiscoveryResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    payment_option_list: Annotated[PaymentOptionList, Element("PaymentOptionList")]
    charge_service: Annotated[ChargeService, Element("ChargeService")]
    service_list: Annotated[ServiceList | None, Element("ServiceList")] = None


class ServiceDetailReq(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDetailReqType``."""

    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]


class ServiceDetailRes(BodyBase, kw_only=True, metaclass=Message):
    """``ServiceDetailResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    service_id: Annotated[int, Element("ServiceID", SERVICE_ID)]
    service_parameter_list: Annotated[ServiceParameterList | None, Element("ServiceParameterList")] = None


class PaymentServiceSelectionReq(BodyBase, kw_only=True, metaclass=Message):
    """``PaymentServiceSelectionReqType``."""

    selected_payment_option: Annotated[PaymentOption, Element("SelectedPaymentOption")]
    selected_service_list: Annotated[SelectedServiceList, Element("SelectedServiceList")]


class PaymentServiceSelectionRes(BodyBase, kw_only=True, metaclass=Message):
    """``PaymentServiceSelectionResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]


class PaymentDetailsReq(BodyBase, kw_only=True, metaclass=Message):
    """``PaymentDetailsReqType``."""

    emaid: Annotated[str, Element("eMAID", EMAID_TEXT)]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]


class PaymentDetailsRes(BodyBase, kw_only=True, metaclass=Message):
    """``PaymentDetailsResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    gen_challenge: Annotated[bytes, Element("GenChallenge", GEN_CHALLENGE)]
    evse_time_stamp: Annotated[int, Element("EVSETimeStamp", LONG)]


class AuthorizationReq(BodyBase, kw_only=True, metaclass=Message):
    """``AuthorizationReqType``."""

    id: Annotated[str | None, Attribute("Id", ID, ns=NAMESPACE)] = None
    gen_challenge: Annotated[bytes | None, Element("GenChallenge", GEN_CHALLENGE)] = None


class AuthorizationRes(BodyBase, kw_only=True, metaclass=Message):
    """``AuthorizationResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_processing: Annotated[EVSEProcessing, Element("EVSEProcessing")]


class ChargeParameterDiscoveryReq(BodyBase, kw_only=True, metaclass=Message):
    """``ChargeParameterDiscoveryReqType``."""

    max_entries_sa_schedule_tuple: Annotated[
        int | None, Element("MaxEntriesSAScheduleTuple", UNSIGNED_SHORT)
    ] = None
    requested_energy_transfer_mode: Annotated[EnergyTransferMode, Element("RequestedEnergyTransferMode")]
    ev_charge_parameter: Annotated[EVChargeParameter, Element("EVChargeParameter", ns=DATATYPES, ref=True)]


class ChargeParameterDiscoveryRes(BodyBase, kw_only=True, metaclass=Message):
    """``ChargeParameterDiscoveryResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_processing: Annotated[EVSEProcessing, Element("EVSEProcessing")]
    sa_schedules: Annotated[SASchedules | None, Element("SASchedules", ns=DATATYPES, ref=True)] = None
    evse_charge_parameter: Annotated[
        EVSEChargeParameter, Element("EVSEChargeParameter", ns=DATATYPES, ref=True)
    ]


class PowerDeliveryReq(BodyBase, kw_only=True, metaclass=Message):
    """``PowerDeliveryReqType``."""

    charge_progress: Annotated[ChargeProgress, Element("ChargeProgress")]
    sa_schedule_tuple_id: Annotated[int, Element("SAScheduleTupleID", SA_ID)]
    charging_profile: Annotated[ChargingProfile | None, Element("ChargingProfile")] = None
    ev_power_delivery_parameter: Annotated[
        EVPowerDeliveryParameter | None, Element("EVPowerDeliveryParameter", ns=DATATYPES, ref=True)
    ] = None


class PowerDeliveryRes(BodyBase, kw_only=True, metaclass=Message):
    """``PowerDeliveryResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_status: Annotated[EVSEStatus, Element("EVSEStatus", ns=DATATYPES, ref=True)]


class MeteringReceiptReq(BodyBase, kw_only=True, metaclass=Message):
    """``MeteringReceiptReqType``."""

    id: Annotated[str | None, Attribute("Id", ID, ns=NAMESPACE)] = None
    session_id: Annotated[bytes, Element("SessionID", SESSION_ID)]
    sa_schedule_tuple_id: Annotated[int | None, Element("SAScheduleTupleID", SA_ID)] = None
    meter_info: Annotated[MeterInfo, Element("MeterInfo")]


class MeteringReceiptRes(BodyBase, kw_only=True, metaclass=Message):
    """``MeteringReceiptResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_status: Annotated[EVSEStatus, Element("EVSEStatus", ns=DATATYPES, ref=True)]


class SessionStopReq(BodyBase, kw_only=True, metaclass=Message):
    """``SessionStopReqType``."""

    charging_session: Annotated[ChargingSession, Element("ChargingSession")]


class SessionStopRes(BodyBase, kw_only=True, metaclass=Message):
    """``SessionStopResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]


class CertificateUpdateReq(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateUpdateReqType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]
    emaid: Annotated[str, Element("eMAID", EMAID_TEXT)]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, Element("ListOfRootCertificateIDs")]


class CertificateUpdateRes(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateUpdateResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    sa_provisioning_certificate_chain: Annotated[CertificateChain, Element("SAProvisioningCertificateChain")]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]
    contract_signature_encrypted_private_key: Annotated[
        ContractSignatureEncryptedPrivateKey, Element("ContractSignatureEncryptedPrivateKey")
    ]
    dh_public_key: Annotated[DiffieHellmanPublickey, Element("DHpublickey")]
    emaid: Annotated[EMAID, Element("eMAID")]
    retry_counter: Annotated[int | None, Element("RetryCounter", SHORT)] = None


class CertificateInstallationReq(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateInstallationReqType``."""

    id: Annotated[str, Attribute("Id", ID, ns=NAMESPACE)]
    oem_provisioning_cert: Annotated[bytes, Element("OEMProvisioningCert", CERTIFICATE)]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, Element("ListOfRootCertificateIDs")]


class CertificateInstallationRes(BodyBase, kw_only=True, metaclass=Message):
    """``CertificateInstallationResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    sa_provisioning_certificate_chain: Annotated[CertificateChain, Element("SAProvisioningCertificateChain")]
    contract_signature_cert_chain: Annotated[CertificateChain, Element("ContractSignatureCertChain")]
    contract_signature_encrypted_private_key: Annotated[
        ContractSignatureEncryptedPrivateKey, Element("ContractSignatureEncryptedPrivateKey")
    ]
    dh_public_key: Annotated[DiffieHellmanPublickey, Element("DHpublickey")]
    emaid: Annotated[EMAID, Element("eMAID")]


class ChargingStatusReq(BodyBase, kw_only=True, metaclass=Message):
    """``ChargingStatusReqType``."""


class ChargingStatusRes(BodyBase, kw_only=True, metaclass=Message):
    """``ChargingStatusResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    evse_id: Annotated[str, Element("EVSEID", EVSE_ID)]
    sa_schedule_tuple_id: Annotated[int, Element("SAScheduleTupleID", SA_ID)]
    evse_max_current: Annotated[PhysicalValue | None, Element("EVSEMaxCurrent")] = None
    meter_info: Annotated[MeterInfo | None, Element("MeterInfo")] = None
    receipt_required: Annotated[bool | None, Element("ReceiptRequired", BOOLEAN)] = None
    ac_evse_status: Annotated[AC_EVSEStatus, Element("AC_EVSEStatus")]


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
    evse_id: Annotated[str, Element("EVSEID", EVSE_ID)]
    sa_schedule_tuple_id: Annotated[int, Element("SAScheduleTupleID", SA_ID)]
    meter_info: Annotated[MeterInfo | None, Element("MeterInfo")] = None
    receipt_required: Annotated[bool | None, Element("ReceiptRequired", BOOLEAN)] = None


class WeldingDetectionReq(BodyBase, kw_only=True, metaclass=Message):
    """``WeldingDetectionReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, Element("DC_EVStatus")]


class WeldingDetectionRes(BodyBase, kw_only=True, metaclass=Message):
    """``WeldingDetectionResType``."""

    response_code: Annotated[ResponseCode, Element("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, Element("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, Element("EVSEPresentVoltage")]


ELEMENTS = (
    GlobalElement("BodyElement", BodyBase, abstract=True),
    GlobalElement("SessionSetupReq", SessionSetupReq, substitutes="BodyElement"),
    GlobalElement("SessionSetupRes", SessionSetupRes, substitutes="BodyElement"),
    GlobalElement("ServiceDiscoveryReq", ServiceDiscoveryReq, substitutes="BodyElement"),
    GlobalElement("ServiceDiscoveryRes", ServiceDiscoveryRes, substitutes="BodyElement"),
    GlobalElement("ServiceDetailReq", ServiceDetailReq, substitutes="BodyElement"),
    GlobalElement("ServiceDetailRes", ServiceDetailRes, substitutes="BodyElement"),
    GlobalElement("PaymentServiceSelectionReq", PaymentServiceSelectionReq, substitutes="BodyElement"),
    GlobalElement("PaymentServiceSelectionRes", PaymentServiceSelectionRes, substitutes="BodyElement"),
    GlobalElement("PaymentDetailsReq", PaymentDetailsReq, substitutes="BodyElement"),
    GlobalElement("PaymentDetailsRes", PaymentDetailsRes, substitutes="BodyElement"),
    GlobalElement("AuthorizationReq", AuthorizationReq, substitutes="BodyElement"),
    GlobalElement("AuthorizationRes", AuthorizationRes, substitutes="BodyElement"),
    GlobalElement("ChargeParameterDiscoveryReq", ChargeParameterDiscoveryReq, substitutes="BodyElement"),
    GlobalElement("ChargeParameterDiscoveryRes", ChargeParameterDiscoveryRes, substitutes="BodyElement"),
    GlobalElement("PowerDeliveryReq", PowerDeliveryReq, substitutes="BodyElement"),
    GlobalElement("PowerDeliveryRes", PowerDeliveryRes, substitutes="BodyElement"),
    GlobalElement("MeteringReceiptReq", MeteringReceiptReq, substitutes="BodyElement"),
    GlobalElement("MeteringReceiptRes", MeteringReceiptRes, substitutes="BodyElement"),
    GlobalElement("SessionStopReq", SessionStopReq, substitutes="BodyElement"),
    GlobalElement("SessionStopRes", SessionStopRes, substitutes="BodyElement"),
    GlobalElement("CertificateUpdateReq", CertificateUpdateReq, substitutes="BodyElement"),
    GlobalElement("CertificateUpdateRes", CertificateUpdateRes, substitutes="BodyElement"),
    GlobalElement("CertificateInstallationReq", CertificateInstallationReq, substitutes="BodyElement"),
    GlobalElement("CertificateInstallationRes", CertificateInstallationRes, substitutes="BodyElement"),
    GlobalElement("ChargingStatusReq", ChargingStatusReq, substitutes="BodyElement"),
    GlobalElement("ChargingStatusRes", ChargingStatusRes, substitutes="BodyElement"),
    GlobalElement("CableCheckReq", CableCheckReq, substitutes="BodyElement"),
    GlobalElement("CableCheckRes", CableCheckRes, substitutes="BodyElement"),
    GlobalElement("PreChargeReq", PreChargeReq, substitutes="BodyElement"),
    GlobalElement("PreChargeRes", PreChargeRes, substitutes="BodyElement"),
    GlobalElement("CurrentDemandReq", CurrentDemandReq, substitutes="BodyElement"),
    GlobalElement("CurrentDemandRes", CurrentDemandRes, substitutes="BodyElement"),
    GlobalElement("WeldingDetectionReq", WeldingDetectionReq, substitutes="BodyElement"),
    GlobalElement("WeldingDetectionRes", WeldingDetectionRes, substitutes="BodyElement"),
)
