"""When a contract is updated at the charger, and what a refusal means for the next time.

A refused CertificateUpdateRes says with its RetryCounter when the car may ask again: 0 the next time, a positive
number after so many days, -1 not any more [V2G2-696]. That is kept beside the contracts until the contract is
another one.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from evcc.config import Renewal
from evcc.context import Context
from evcc.contracts import Contract
from evcc.files import replace_file
from v2g.errors import ResponseCodeError
from v2g.messages import iso2

FILE_NAME = "updates.json"
_NEVER = -1


class _Refusal(msgspec.Struct, frozen=True):
    """Until when a contract, named by the serial number of its certificate, is not to be updated; None: for ever."""

    serial: str
    until: datetime | None


def due(context: Context) -> Contract | None:
    """Return the contract to update: the chosen one, if it ends soon and is still valid; else None."""
    config, now, chosen = context.config, context.clock.now(), context.store.chosen
    if config.contract.renewal is not Renewal.UPDATE or chosen is None:
        return None
    if not chosen.usable(now) or chosen.usable(now, config.renew_before):
        return None
    refusal = _read(_file(context)).get(chosen.emaid)
    if refusal is None or refusal.serial != _serial(chosen):
        return chosen
    return chosen if refusal.until is not None and now >= refusal.until else None


def refused(context: Context, contract: Contract, error: ResponseCodeError) -> None:
    """Keep in mind when the car may ask for this update again."""
    response = error.response
    counter = response.retry_counter if isinstance(response, iso2.CertificateUpdateRes) else None
    context.tracer.event("contract.update_refused", emaid=contract.emaid, retry_counter=counter)
    if not counter:
        return
    until = None
    if counter != _NEVER:
        until = context.clock.now().astimezone(UTC) + timedelta(days=counter)
    path = _file(context)
    kept = _read(path) | {contract.emaid: _Refusal(_serial(contract), until)}
    replace_file(path, msgspec.json.encode(kept), 0o600)


def _serial(contract: Contract) -> str:
    return f"{contract.certificate.serial_number:x}"


def _file(context: Context) -> Path:
    return context.store.directory / FILE_NAME


def _read(path: Path) -> dict[str, _Refusal]:
    """Return what is kept; a file that cannot be read is as good as none, since it only saves a question."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Refusal])
    except (OSError, msgspec.DecodeError):
        return {}
