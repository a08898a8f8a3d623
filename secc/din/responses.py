"""Which response belongs to which request, and the FAILED ones with their placeholders."""

from collections.abc import Mapping
from types import MappingProxyType

from exi.schema import XsdType
from secc.classic import dc, refusals
from secc.classic.delivery import SCHEDULE_DURATION_S
from secc.din import values
from secc.din.context import DinContext
from secc.station import DcOutlet
from v2g.messages import din

RESPONSES: Mapping[type[XsdType], type[din.BodyBase]] = MappingProxyType(
    {
        din.SessionSetupReq: din.SessionSetupRes,
        din.ServiceDiscoveryReq: din.ServiceDiscoveryRes,
        din.ServiceDetailReq: din.ServiceDetailRes,
        din.ServicePaymentSelectionReq: din.ServicePaymentSelectionRes,
        din.CertificateInstallationReq: din.CertificateInstallationRes,
        din.CertificateUpdateReq: din.CertificateUpdateRes,
        din.PaymentDetailsReq: din.PaymentDetailsRes,
        din.ContractAuthenticationReq: din.ContractAuthenticationRes,
        din.ChargeParameterDiscoveryReq: din.ChargeParameterDiscoveryRes,
        din.PowerDeliveryReq: din.PowerDeliveryRes,
        din.ChargingStatusReq: din.ChargingStatusRes,
        din.MeteringReceiptReq: din.MeteringReceiptRes,
        din.SessionStop: din.SessionStopRes,
        din.CableCheckReq: din.CableCheckRes,
        din.PreChargeReq: din.PreChargeRes,
        din.CurrentDemandReq: din.CurrentDemandRes,
        din.WeldingDetectionReq: din.WeldingDetectionRes,
    }
)


def refuse(request: type[XsdType], code: str, context: DinContext) -> din.BodyBase:
    """Return the response for a request class with a FAILED code and placeholders.

    Raises KeyError for a class that is not a request.
    """
    status = dc.status(values.WORDS, context, ready=False)
    nothing = values.WORDS.quantity
    limits: XsdType = din.DC_EVSEChargeParameter(
        dc_evse_status=status,
        evse_maximum_current_limit=nothing(0, "A"),
        evse_maximum_voltage_limit=nothing(0, "V"),
        evse_minimum_current_limit=nothing(0, "A"),
        evse_minimum_voltage_limit=nothing(0, "V"),
        evse_peak_current_ripple=nothing(0, "A"),
    )
    if isinstance(context.outlet, DcOutlet):
        limits = dc.charge_parameter(values.WORDS, context)
    made = refusals.refuse(
        values.WORDS,
        RESPONSES[request],
        code,
        context,
        {"evse_id": values.evse_id(context), "date_time_now": values.time_stamp(context)},
        {
            din.EVSEStatus: lambda _: status,
            din.EVSEChargeParameter: lambda _: limits,
            din.SASchedules: lambda _: din.SAScheduleList(sa_schedule_tuple=[schedule(0)]),
        },
    )
    assert isinstance(made, din.BodyBase)
    return made


def schedule(power_w: int) -> din.SAScheduleTuple:
    """Return the one schedule of a DIN session: ``power_w`` for a day."""
    entry = din.PMaxScheduleEntry(
        time_interval=din.RelativeTimeInterval(start=0, duration=SCHEDULE_DURATION_S), p_max=power_w
    )
    return din.SAScheduleTuple(
        sa_schedule_tuple_id=SCHEDULE_ID,
        p_max_schedule=din.PMaxSchedule(p_max_schedule_id=SCHEDULE_ID, p_max_schedule_entry=[entry]),
    )


SCHEDULE_ID = 1
