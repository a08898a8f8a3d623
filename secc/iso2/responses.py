"""Which response belongs to which request, and the FAILED ones with their placeholders."""

from collections.abc import Mapping
from types import MappingProxyType

from exi.schema import XsdType
from secc.classic import dc, refusals
from secc.iso2 import values
from secc.iso2.context import Iso2Context
from secc.station import DcOutlet
from v2g.messages import iso2

RESPONSES: Mapping[type[XsdType], type[iso2.BodyBase]] = MappingProxyType(
    {
        iso2.SessionSetupReq: iso2.SessionSetupRes,
        iso2.ServiceDiscoveryReq: iso2.ServiceDiscoveryRes,
        iso2.ServiceDetailReq: iso2.ServiceDetailRes,
        iso2.PaymentServiceSelectionReq: iso2.PaymentServiceSelectionRes,
        iso2.CertificateInstallationReq: iso2.CertificateInstallationRes,
        iso2.CertificateUpdateReq: iso2.CertificateUpdateRes,
        iso2.PaymentDetailsReq: iso2.PaymentDetailsRes,
        iso2.AuthorizationReq: iso2.AuthorizationRes,
        iso2.ChargeParameterDiscoveryReq: iso2.ChargeParameterDiscoveryRes,
        iso2.PowerDeliveryReq: iso2.PowerDeliveryRes,
        iso2.ChargingStatusReq: iso2.ChargingStatusRes,
        iso2.MeteringReceiptReq: iso2.MeteringReceiptRes,
        iso2.SessionStopReq: iso2.SessionStopRes,
        iso2.CableCheckReq: iso2.CableCheckRes,
        iso2.PreChargeReq: iso2.PreChargeRes,
        iso2.CurrentDemandReq: iso2.CurrentDemandRes,
        iso2.WeldingDetectionReq: iso2.WeldingDetectionRes,
    }
)


def refuse(request: type[XsdType], code: str, context: Iso2Context) -> iso2.BodyBase:
    """Return the response for a request class with a FAILED code and placeholders.

    Raises KeyError for a class that is not a request.
    """
    status = values.ac_status(context)
    charge_parameter: XsdType = iso2.AC_EVSEChargeParameter(
        ac_evse_status=status,
        evse_nominal_voltage=values.WORDS.quantity(0, "V"),
        evse_max_current=values.WORDS.quantity(0, "A"),
    )
    if isinstance(context.outlet, DcOutlet):
        charge_parameter = dc.charge_parameter(values.WORDS, context)
    made = refusals.refuse(
        values.WORDS,
        RESPONSES[request],
        code,
        context,
        {
            "evse_id": values.evse_id(context),
            "evse_time_stamp": values.time_stamp(context),
            "retry_counter": context.charger.config.installation.update_retry_days,
        },
        {
            iso2.AC_EVSEStatus: lambda _: status,
            iso2.EVSEStatus: lambda _: values.status(context),
            iso2.EVSEChargeParameter: lambda _: charge_parameter,
        },
    )
    assert isinstance(made, iso2.BodyBase)
    return made
