"""Which response belongs to which request, and the FAILED ones with their placeholders."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from exi.schema import XsdType
from secc import placeholders
from secc.context import Context
from secc.iso2 import values
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

_MEANINGFUL: Mapping[str, Callable[[Context], Any]] = MappingProxyType(
    {"evse_id": values.evse_id, "evse_time_stamp": values.time_stamp}
)
"""Fields that say the truth even in a refusal."""


def refuse(request: type[XsdType], code: str, context: Context) -> iso2.BodyBase:
    """Return the response for a request class with a FAILED code and placeholders.

    Raises KeyError for a class that is not a request.
    """
    response = RESPONSES[request]
    given = {name: make(context) for name, make in _MEANINGFUL.items() if name in response.__struct_fields__}
    given["response_code"] = iso2.ResponseCode(code)
    status = values.ac_status(context)
    return placeholders.build(
        response,
        given,
        {
            iso2.AC_EVSEStatus: lambda _: status,
            iso2.EVSEStatus: lambda _: status,
            iso2.EVSEChargeParameter: lambda _: iso2.AC_EVSEChargeParameter(
                ac_evse_status=status,
                evse_nominal_voltage=_nothing("voltage"),
                evse_max_current=_nothing("current"),
            ),
            iso2.PhysicalValue: _nothing,
        },
    )


def _nothing(field: str) -> iso2.PhysicalValue:
    """Return zero in the unit that a field's name speaks of."""
    for word, unit in (("voltage", iso2.UnitSymbol.V), ("current", iso2.UnitSymbol.A)):
        if word in field:
            return iso2.PhysicalValue(multiplier=0, unit=unit, value=0)
    return iso2.PhysicalValue(multiplier=0, unit=iso2.UnitSymbol.W, value=0)
