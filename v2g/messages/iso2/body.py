"""ISO 15118-2 messages: the schema urn:iso:15118:2:2013:MsgBody."""

from typing import Annotated

from exi.schema import (
    BOOLEAN,
    ID,
    LONG,
    SHORT,
    UNSIGNED_SHORT,
    Attribute as A,
    Element as E,
    GlobalElement,
    XsdType,
)
from v2g.messages.iso2.datatypes import (
    AC_EVSEStatus,
    CERTIFICATE,
    CertificateChain,
    ChargeProgress,
    ChargeService,
    ChargingProfile,
    ChargingSession,
    ContractSignatureEncryptedPrivateKey,
    DC_EVSEStatus,
    DC_EVStatus,
    DiffieHellmanPublickey,
    EMAID,
    EVCC_ID,
    EVChargeParameter,
    EVPowerDeliveryParameter,
    EVSEChargeParameter,
    EVSEProcessing,
    EVSEStatus,
    EVSE_ID,
    EnergyTransferMode,
    GEN_CHALLENGE,
    ListOfRootCertificateIDs,
    MeterInfo,
    NAMESPACE as DATATYPES,
    PaymentOption,
    PaymentOptionList,
    PhysicalValue,
    ResponseCode,
    SASchedules,
    SA_ID,
    SERVICE_ID,
    SERVICE_SCOPE,
    SESSION_ID,
    SelectedServiceList,
    ServiceCategory,
    ServiceList,
    ServiceParameterList,
)

NAMESPACE = "urn:iso:15118:2:2013:MsgBody"


class BodyBase(XsdType, kw_only=True):
    """``BodyBaseType`` (abstract)."""


class Body(XsdType, kw_only=True):
    """``BodyType``."""

    body_element: Annotated[BodyBase | None, E("BodyElement", ref=True)] = None


class SessionSetupReq(BodyBase, kw_only=True):
    """``SessionSetupReqType``."""

    evcc_id: Annotated[bytes, E("EVCCID", EVCC_ID)]


class SessionSetupRes(BodyBase, kw_only=True):
    """``SessionSetupResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    evse_id: Annotated[str, E("EVSEID", EVSE_ID)]
    evse_time_stamp: Annotated[int | None, E("EVSETimeStamp", LONG)] = None


class ServiceDiscoveryReq(BodyBase, kw_only=True):
    """``ServiceDiscoveryReqType``."""

    service_scope: Annotated[str | None, E("ServiceScope", SERVICE_SCOPE)] = None
    service_category: Annotated[ServiceCategory | None, E("ServiceCategory")] = None


class ServiceDiscoveryRes(BodyBase, kw_only=True):
    """``ServiceDiscoveryResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    payment_option_list: Annotated[PaymentOptionList, E("PaymentOptionList")]
    charge_service: Annotated[ChargeService, E("ChargeService")]
    service_list: Annotated[ServiceList | None, E("ServiceList")] = None


class ServiceDetailReq(BodyBase, kw_only=True):
    """``ServiceDetailReqType``."""

    service_id: Annotated[int, E("ServiceID", SERVICE_ID)]


class ServiceDetailRes(BodyBase, kw_only=True):
    """``ServiceDetailResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    service_id: Annotated[int, E("ServiceID", SERVICE_ID)]
    service_parameter_list: Annotated[ServiceParameterList | None, E("ServiceParameterList")] = None


class PaymentServiceSelectionReq(BodyBase, kw_only=True):
    """``PaymentServiceSelectionReqType``."""

    selected_payment_option: Annotated[PaymentOption, E("SelectedPaymentOption")]
    selected_service_list: Annotated[SelectedServiceList, E("SelectedServiceList")]


class PaymentServiceSelectionRes(BodyBase, kw_only=True):
    """``PaymentServiceSelectionResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]


class PaymentDetailsReq(BodyBase, kw_only=True):
    """``PaymentDetailsReqType``."""

    emaid: Annotated[str, E("eMAID", EMAID)]
    contract_signature_cert_chain: Annotated[CertificateChain, E("ContractSignatureCertChain")]


class PaymentDetailsRes(BodyBase, kw_only=True):
    """``PaymentDetailsResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    gen_challenge: Annotated[bytes, E("GenChallenge", GEN_CHALLENGE)]
    evse_time_stamp: Annotated[int, E("EVSETimeStamp", LONG)]


class AuthorizationReq(BodyBase, kw_only=True):
    """``AuthorizationReqType``."""

    id: Annotated[str | None, A("Id", ID, ns=NAMESPACE)] = None
    gen_challenge: Annotated[bytes | None, E("GenChallenge", GEN_CHALLENGE)] = None


class AuthorizationRes(BodyBase, kw_only=True):
    """``AuthorizationResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    evse_processing: Annotated[EVSEProcessing, E("EVSEProcessing")]


class ChargeParameterDiscoveryReq(BodyBase, kw_only=True):
    """``ChargeParameterDiscoveryReqType``."""

    max_entries_sa_schedule_tuple: Annotated[int | None, E("MaxEntriesSAScheduleTuple", UNSIGNED_SHORT)] = None
    requested_energy_transfer_mode: Annotated[EnergyTransferMode, E("RequestedEnergyTransferMode")]
    ev_charge_parameter: Annotated[EVChargeParameter, E("EVChargeParameter", ns=DATATYPES, ref=True)]


class ChargeParameterDiscoveryRes(BodyBase, kw_only=True):
    """``ChargeParameterDiscoveryResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    evse_processing: Annotated[EVSEProcessing, E("EVSEProcessing")]
    sa_schedules: Annotated[SASchedules | None, E("SASchedules", ns=DATATYPES, ref=True)] = None
    evse_charge_parameter: Annotated[EVSEChargeParameter, E("EVSEChargeParameter", ns=DATATYPES, ref=True)]


class PowerDeliveryReq(BodyBase, kw_only=True):
    """``PowerDeliveryReqType``."""

    charge_progress: Annotated[ChargeProgress, E("ChargeProgress")]
    sa_schedule_tuple_id: Annotated[int, E("SAScheduleTupleID", SA_ID)]
    charging_profile: Annotated[ChargingProfile | None, E("ChargingProfile")] = None
    ev_power_delivery_parameter: Annotated[EVPowerDeliveryParameter | None, E("EVPowerDeliveryParameter", ns=DATATYPES, ref=True)] = None


class PowerDeliveryRes(BodyBase, kw_only=True):
    """``PowerDeliveryResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    evse_status: Annotated[EVSEStatus, E("EVSEStatus", ns=DATATYPES, ref=True)]


class MeteringReceiptReq(BodyBase, kw_only=True):
    """``MeteringReceiptReqType``."""

    id: Annotated[str | None, A("Id", ID, ns=NAMESPACE)] = None
    session_id: Annotated[bytes, E("SessionID", SESSION_ID)]
    sa_schedule_tuple_id: Annotated[int | None, E("SAScheduleTupleID", SA_ID)] = None
    meter_info: Annotated[MeterInfo, E("MeterInfo")]


class MeteringReceiptRes(BodyBase, kw_only=True):
    """``MeteringReceiptResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    evse_status: Annotated[EVSEStatus, E("EVSEStatus", ns=DATATYPES, ref=True)]


class SessionStopReq(BodyBase, kw_only=True):
    """``SessionStopReqType``."""

    charging_session: Annotated[ChargingSession, E("ChargingSession")]


class SessionStopRes(BodyBase, kw_only=True):
    """``SessionStopResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]


class CertificateUpdateReq(BodyBase, kw_only=True):
    """``CertificateUpdateReqType``."""

    id: Annotated[str, A("Id", ID, ns=NAMESPACE)]
    contract_signature_cert_chain: Annotated[CertificateChain, E("ContractSignatureCertChain")]
    emaid: Annotated[str, E("eMAID", EMAID)]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, E("ListOfRootCertificateIDs")]


class CertificateUpdateRes(BodyBase, kw_only=True):
    """``CertificateUpdateResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    sa_provisioning_certificate_chain: Annotated[CertificateChain, E("SAProvisioningCertificateChain")]
    contract_signature_cert_chain: Annotated[CertificateChain, E("ContractSignatureCertChain")]
    contract_signature_encrypted_private_key: Annotated[ContractSignatureEncryptedPrivateKey, E("ContractSignatureEncryptedPrivateKey")]
    dh_public_key: Annotated[DiffieHellmanPublickey, E("DHpublickey")]
    emaid: Annotated[EMAID, E("eMAID")]
    retry_counter: Annotated[int | None, E("RetryCounter", SHORT)] = None


class CertificateInstallationReq(BodyBase, kw_only=True):
    """``CertificateInstallationReqType``."""

    id: Annotated[str, A("Id", ID, ns=NAMESPACE)]
    oem_provisioning_cert: Annotated[bytes, E("OEMProvisioningCert", CERTIFICATE)]
    list_of_root_certificate_ids: Annotated[ListOfRootCertificateIDs, E("ListOfRootCertificateIDs")]


class CertificateInstallationRes(BodyBase, kw_only=True):
    """``CertificateInstallationResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    sa_provisioning_certificate_chain: Annotated[CertificateChain, E("SAProvisioningCertificateChain")]
    contract_signature_cert_chain: Annotated[CertificateChain, E("ContractSignatureCertChain")]
    contract_signature_encrypted_private_key: Annotated[ContractSignatureEncryptedPrivateKey, E("ContractSignatureEncryptedPrivateKey")]
    dh_public_key: Annotated[DiffieHellmanPublickey, E("DHpublickey")]
    emaid: Annotated[EMAID, E("eMAID")]


class ChargingStatusReq(BodyBase, kw_only=True):
    """``ChargingStatusReqType``."""


class ChargingStatusRes(BodyBase, kw_only=True):
    """``ChargingStatusResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    evse_id: Annotated[str, E("EVSEID", EVSE_ID)]
    sa_schedule_tuple_id: Annotated[int, E("SAScheduleTupleID", SA_ID)]
    evse_max_current: Annotated[PhysicalValue | None, E("EVSEMaxCurrent")] = None
    meter_info: Annotated[MeterInfo | None, E("MeterInfo")] = None
    receipt_required: Annotated[bool | None, E("ReceiptRequired", BOOLEAN)] = None
    ac_evse_status: Annotated[AC_EVSEStatus, E("AC_EVSEStatus")]


class CableCheckReq(BodyBase, kw_only=True):
    """``CableCheckReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, E("DC_EVStatus")]


class CableCheckRes(BodyBase, kw_only=True):
    """``CableCheckResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, E("DC_EVSEStatus")]
    evse_processing: Annotated[EVSEProcessing, E("EVSEProcessing")]


class PreChargeReq(BodyBase, kw_only=True):
    """``PreChargeReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, E("DC_EVStatus")]
    ev_target_voltage: Annotated[PhysicalValue, E("EVTargetVoltage")]
    ev_target_current: Annotated[PhysicalValue, E("EVTargetCurrent")]


class PreChargeRes(BodyBase, kw_only=True):
    """``PreChargeResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, E("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, E("EVSEPresentVoltage")]


class CurrentDemandReq(BodyBase, kw_only=True):
    """``CurrentDemandReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, E("DC_EVStatus")]
    ev_target_current: Annotated[PhysicalValue, E("EVTargetCurrent")]
    ev_maximum_voltage_limit: Annotated[PhysicalValue | None, E("EVMaximumVoltageLimit")] = None
    ev_maximum_current_limit: Annotated[PhysicalValue | None, E("EVMaximumCurrentLimit")] = None
    ev_maximum_power_limit: Annotated[PhysicalValue | None, E("EVMaximumPowerLimit")] = None
    bulk_charging_complete: Annotated[bool | None, E("BulkChargingComplete", BOOLEAN)] = None
    charging_complete: Annotated[bool, E("ChargingComplete", BOOLEAN)]
    remaining_time_to_full_soc: Annotated[PhysicalValue | None, E("RemainingTimeToFullSoC")] = None
    remaining_time_to_bulk_soc: Annotated[PhysicalValue | None, E("RemainingTimeToBulkSoC")] = None
    ev_target_voltage: Annotated[PhysicalValue, E("EVTargetVoltage")]


class CurrentDemandRes(BodyBase, kw_only=True):
    """``CurrentDemandResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, E("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, E("EVSEPresentVoltage")]
    evse_present_current: Annotated[PhysicalValue, E("EVSEPresentCurrent")]
    evse_current_limit_achieved: Annotated[bool, E("EVSECurrentLimitAchieved", BOOLEAN)]
    evse_voltage_limit_achieved: Annotated[bool, E("EVSEVoltageLimitAchieved", BOOLEAN)]
    evse_power_limit_achieved: Annotated[bool, E("EVSEPowerLimitAchieved", BOOLEAN)]
    evse_maximum_voltage_limit: Annotated[PhysicalValue | None, E("EVSEMaximumVoltageLimit")] = None
    evse_maximum_current_limit: Annotated[PhysicalValue | None, E("EVSEMaximumCurrentLimit")] = None
    evse_maximum_power_limit: Annotated[PhysicalValue | None, E("EVSEMaximumPowerLimit")] = None
    evse_id: Annotated[str, E("EVSEID", EVSE_ID)]
    sa_schedule_tuple_id: Annotated[int, E("SAScheduleTupleID", SA_ID)]
    meter_info: Annotated[MeterInfo | None, E("MeterInfo")] = None
    receipt_required: Annotated[bool | None, E("ReceiptRequired", BOOLEAN)] = None


class WeldingDetectionReq(BodyBase, kw_only=True):
    """``WeldingDetectionReqType``."""

    dc_ev_status: Annotated[DC_EVStatus, E("DC_EVStatus")]


class WeldingDetectionRes(BodyBase, kw_only=True):
    """``WeldingDetectionResType``."""

    response_code: Annotated[ResponseCode, E("ResponseCode")]
    dc_evse_status: Annotated[DC_EVSEStatus, E("DC_EVSEStatus")]
    evse_present_voltage: Annotated[PhysicalValue, E("EVSEPresentVoltage")]


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
