"""What was metered, and the car's confirmation of it."""

from secc.identification import check_signature
from secc.iso20 import values
from secc.iso20.context import Iso20Context as Context
from secc.iso20.states import State
from secc.table import Refusal, Reply, Request
from v2g.errors import SignatureError
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ChargeLoopReq, MeterInfo, ResponseCode
from v2g.protocols import UNSENT
from v2g.security.signature_iso20 import verify_metering_confirmation_req


def read_meter(context: Context) -> MeterInfo:
    """Read the meter for the car, which may have to confirm it."""
    meter = context.plug.meter
    context.meter_info = MeterInfo(
        meter_id=meter.meter_id,
        charged_energy_reading_wh=round(meter.reading_wh),
        bpt_discharged_energy_reading_wh=(
            round(meter.discharged_wh) if context.selected.bidirectional else None
        ),
        meter_timestamp=values.time_stamp(context),
    )
    return context.meter_info


def count_round(request: ChargeLoopReq, context: Context) -> None:
    """Count a round of the charge loop, and trace what it comes to."""
    shown = request.display_parameters
    context.charging_rounds += 1
    context.tracer.event(
        "charging",
        energy_wh=context.energy_wh,
        soc_percent=shown.present_soc if shown else None,
        power_w=context.plug.meter.power_w,
        round=context.charging_rounds,
    )


def metering_confirmation(request: Request[cm.MeteringConfirmationReq], context: Context) -> Reply | Refusal:
    """Check the confirmation: signed with the contract key, and repeating what we sent."""
    data = request.body.signed_metering_data
    if context.contract is None:
        reason = "a car without contract has no key to confirm with"
        return Refusal(ResponseCode.FAILED_MeteringSignatureNotValid, reason)
    key = context.contract.key
    try:
        check_signature(
            type(data).__name__,
            [data.id],
            lambda: verify_metering_confirmation_req(
                request.signature, request.body, key, context.charger.dialect
            ),
            context,
        )
    except SignatureError as error:
        return Refusal(ResponseCode.FAILED_MeteringSignatureNotValid, str(error))
    if data.session_id != context.session_id or data.meter_info != context.meter_info:
        reason = "the confirmation does not repeat what was metered"
        return Refusal(ResponseCode.FAILED_MeteringSignatureNotValid, reason)
    response = cm.MeteringConfirmationRes(header=UNSENT, response_code=ResponseCode.OK)
    return Reply(response, State.CHARGE_LOOP)
