"""Metering confirmation: the car signs what the charger's meter showed."""

from evcc.context import Context
from evcc.errors import ProtocolViolationError
from evcc.iso20.schedules import Schedule
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import ChargeLoopRes
from v2g.protocols import UNSENT
from v2g.security.signature_iso20 import sign_metering_confirmation_req

REFERENCE_ID = "id1"


async def confirm(context: Context, response: ChargeLoopRes, schedule: Schedule | None) -> None:
    """Sign the meter of a charge loop response with the contract's key, and send it.

    ``schedule`` is that of scheduled control. Raises :class:`ProtocolViolationError` when there is nothing
    to sign, or nothing to sign with.
    """
    contract = context.contract
    if contract is None or response.meter_info is None:
        missing = "a contract" if contract is None else "MeterInfo"
        raise ProtocolViolationError(type(response).__name__, f"it asks for a confirmation without {missing}")
    scheduled = None
    if schedule is not None:
        scheduled = cm.Scheduled_SMDTControlMode(selected_schedule_tuple_id=schedule.tuple_id)
    data = cm.SignedMeteringData(
        id=REFERENCE_ID,
        session_id=context.exchange.session_id,
        meter_info=response.meter_info,
        receipt=response.receipt,
        scheduled_smdt_control_mode=scheduled,
        dynamic_smdt_control_mode=cm.Dynamic_SMDTControlMode() if scheduled is None else None,
    )
    request = cm.MeteringConfirmationReq(header=UNSENT, signed_metering_data=data)
    signature = sign_metering_confirmation_req(request, contract.key, context.config.dialect)
    context.signed("MeteringConfirmationReq", REFERENCE_ID)
    await context.exchange.ask(request, cm.MeteringConfirmationRes, signature=signature)
    context.report.receipts += 1
