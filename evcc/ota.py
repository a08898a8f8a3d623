"""Contracts over the air: a car without any charger takes in what its maker's backend has for it.

Each delivery goes through the same examination as one at a charger, into the same store. The backend hears
of the result after it is durable: a car that dies in between finds the item again, and does the same again.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

import msgspec

import exi
from evcc import ota_memory
from evcc.config import Config
from evcc.contracts import Contract, ContractStore
from evcc.errors import ContractNotFoundError, ContractStoreFullError, InstallationError, InstallationFault
from evcc.iso2.installation import examine
from evcc.ota_door import Action, Item, Mailbox, Result, TelematicsDoor, TelematicsError
from evcc.ota_memory import Memory
from evcc.vehicle import Vehicle
from v2g.messages import iso2
from v2g.net.clock import Clock
from v2g.trace import Tracer

POLL_WAIT_S = 25.0
"""How long a following car lets the backend wait for something to come."""

_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_MAX_REASON = 500

Sleep = Callable[[float], Awaitable[None]]


class DeliveryError(Exception):
    """A delivery is turned down: ``reason`` is a word as in live installation, ``detail`` a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Receiver:
    """A car that takes deliveries: who it is, where its contracts lie, and how strictly it looks."""

    vehicle: Vehicle
    store: ContractStore
    config: Config
    clock: Clock
    tracer: Tracer

    def examine(self, document: bytes, namespace: str) -> Contract:
        """Return the contract in a delivery; raises DeliveryError with the first thing that is wrong."""
        opener = _OPENERS.get(namespace)
        if opener is None:
            raise DeliveryError("namespace", f"this car does not read messages of {namespace}")
        try:
            return opener(self, document)
        except InstallationError as error:
            reason = f"{error.fault}.{error.rule}" if error.rule else str(error.fault)
            raise DeliveryError(reason, error.detail) from error


def _open_iso2(receiver: Receiver, document: bytes) -> Contract:
    try:
        message = exi.decode(document, iso2.SCHEMA)
    except exi.ExiError as error:
        raise DeliveryError("document", f"no message of {iso2.NAMESPACE}: {error}") from error
    body = message.body.body_element if isinstance(message, iso2.V2G_Message) else None
    if not isinstance(body, iso2.CertificateInstallationRes) or not isinstance(message, iso2.V2G_Message):
        raise DeliveryError("document", "the message is no CertificateInstallationRes")
    if body.response_code is not iso2.ResponseCode.OK:
        raise DeliveryError(f"response_code.{body.response_code}", "the message refuses")
    return examine(
        body,
        message.header.signature,
        key=receiver.vehicle.provisioning_key,
        roots=receiver.vehicle.v2g_roots,
        at=receiver.clock.now(),
        check_digit=receiver.config.contract.check_digit,
        tracer=receiver.tracer,
    )


_OPENERS: Mapping[str, Callable[[Receiver, bytes], Contract]] = {iso2.NAMESPACE: _open_iso2}


@dataclass(slots=True)
class Summary:
    """What one look into the mailbox brought."""

    pcid: str
    installed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    """Contracts that went with a factory reset."""
    chosen: str | None = None
    contracts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def eventful(self) -> bool:
        """Say whether anything was there."""
        return bool(self.installed or self.removed or self.refused or self.forgotten)

    def as_json(self) -> bytes:
        """Return it as one JSON object."""
        return msgspec.json.encode(self)


async def synchronise(
    receiver: Receiver, door: TelematicsDoor, *, wait_s: float = 0.0, again: bool = False
) -> Summary:
    """Do what the mailbox says, and agree with the backend about the default contract.

    Raises TelematicsError when the backend cannot be asked, ContractStoreError when the disk refuses (the
    item then stays in the mailbox), ConfigError when the memory cannot be written.
    """
    folder, store = receiver.vehicle.directory, receiver.store
    memory = await _tell_reset(door, receiver, ota_memory.load(folder))
    memory = await tell_choice(door, receiver, memory)
    mailbox = await door.mailbox(wait_s=wait_s, again=again)
    summary = Summary(str(receiver.vehicle.pcid))
    before = store.chosen
    for item in mailbox.items:
        if item.action is Action.REMOVE:
            await _remove(receiver, door, item, summary)
        else:
            await _install(receiver, door, item, summary)
    default = _default_of(mailbox)
    _agree(store, before, default, memory)
    if default != memory.default:
        ota_memory.save(folder, msgspec.structs.replace(memory, default=default))
    summary.chosen = None if store.chosen is None else store.chosen.emaid
    summary.contracts = _facts(store, mailbox, receiver.clock.now())
    return summary


def begin_reset(receiver: Receiver) -> list[str]:
    """Have the car forget its contracts; return their eMAIDs. The backend hears of it by :func:`synchronise`.

    What the car remembers says so before the first contract goes: a car that dies in between goes on with it. Raises
    ContractStoreError and ConfigError when the disk refuses.
    """
    folder, store = receiver.vehicle.directory, receiver.store
    memory = ota_memory.load(folder)
    ota_memory.save(folder, msgspec.structs.replace(memory, reset=True, pending=None, default=None))
    gone = [contract.emaid for contract in store.contracts]
    for emaid in gone:
        store.remove(emaid)
        receiver.tracer.event("contract.removed", emaid=emaid)
    return gone


async def follow(
    receiver: Receiver,
    door: TelematicsDoor,
    tell: Callable[[Summary], None],
    warn: Callable[[str], None],
    sleep: Sleep,
) -> None:
    """Keep looking, for ever. The backend holds each question until there is something, or for a while."""
    pause_s = _FIRST_PAUSE_S
    wait_s = 0.0
    while True:
        began = receiver.clock.monotonic()
        try:
            summary = await synchronise(receiver, door, wait_s=wait_s)
        except TelematicsError as error:
            warn(f"{error}; trying again in {pause_s:g} s")
            await sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            continue
        if summary.eventful or wait_s == 0:
            tell(summary)
        elif receiver.clock.monotonic() - began < _FIRST_PAUSE_S:
            await sleep(_FIRST_PAUSE_S)  # a backend that does not wait is not asked without end
        pause_s, wait_s = _FIRST_PAUSE_S, POLL_WAIT_S


async def _tell_reset(door: TelematicsDoor, receiver: Receiver, memory: Memory) -> Memory:
    """Tell the backend of a reset that it has not heard of, after finishing it; return the memory after it."""
    if not memory.reset:
        return memory
    begin_reset(receiver)
    await door.reset()
    changed = msgspec.structs.replace(ota_memory.load(receiver.vehicle.directory), reset=False)
    ota_memory.save(receiver.vehicle.directory, changed)
    return changed


async def tell_choice(door: TelematicsDoor, receiver: Receiver, memory: Memory) -> Memory:
    """Tell the backend what the driver chose while it was out of reach; return the memory after it."""
    if memory.pending is None:
        return memory
    chosen = memory.pending
    try:
        await door.choose(chosen)
    except TelematicsError as error:
        if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
            raise
        chosen_now = memory.default  # the contract has ended meanwhile: the choice is void
    else:
        chosen_now = chosen
    changed = msgspec.structs.replace(memory, pending=None, default=chosen_now)
    ota_memory.save(receiver.vehicle.directory, changed)
    return changed


async def _install(receiver: Receiver, door: TelematicsDoor, item: Item, summary: Summary) -> None:
    try:
        contract = _delivered(receiver, item)
        margin = receiver.config.renew_before
        replaced = receiver.store.install(contract, receiver.clock.now(), margin)
    except DeliveryError as error:
        await _refuse(receiver, door, item, summary, error)
        return
    except ContractStoreFullError as error:
        await _refuse(receiver, door, item, summary, DeliveryError("store_full", error.reason))
        return
    receiver.tracer.event(
        "contract.installed",
        emaid=contract.emaid,
        certificate_serial=f"{contract.certificate.serial_number:x}",
        valid_until=contract.valid_until,
    )
    summary.installed.append(contract.emaid)
    gone = [old.emaid for old in replaced if old.emaid != contract.emaid]
    await door.acknowledge(item, Result.INSTALLED, replaced=gone)


def _delivered(receiver: Receiver, item: Item) -> Contract:
    try:
        document = base64.b64decode(item.document or "", validate=True)
    except (binascii.Error, ValueError):
        raise DeliveryError("document", "not base64") from None
    contract = receiver.examine(document, item.namespace)
    if contract.emaid != item.emaid:
        raise DeliveryError(
            str(InstallationFault.EMAID_MISMATCH), f"announced was {item.emaid}, it is {contract.emaid}"
        )
    return contract


async def _refuse(
    receiver: Receiver, door: TelematicsDoor, item: Item, summary: Summary, error: DeliveryError
) -> None:
    receiver.tracer.event("contract.refused", fault=error.reason, rule=None, detail=error.detail)
    summary.refused.append({"emaid": item.emaid, "reason": error.reason, "detail": error.detail})
    await door.acknowledge(item, Result.REJECTED, str(error)[:_MAX_REASON])


async def _remove(receiver: Receiver, door: TelematicsDoor, item: Item, summary: Summary) -> None:
    try:
        receiver.store.remove(item.emaid)
    except ContractNotFoundError:
        pass  # removed before, and the backend never heard of it
    else:
        receiver.tracer.event("contract.removed", emaid=item.emaid)
        summary.removed.append(item.emaid)
    await door.acknowledge(item, Result.REMOVED)


def _default_of(mailbox: Mailbox) -> str | None:
    return next((line.emaid for line in mailbox.contracts if line.default_contract), None)


def _agree(store: ContractStore, before: Contract | None, default: str | None, memory: Memory) -> None:
    """Choose what the backend newly calls the default, or else keep what was chosen before."""
    stored = {contract.emaid for contract in store.contracts}
    kept = before.emaid if before is not None else None
    wanted = (default, kept) if default != memory.default else (kept, default)
    target = next((emaid for emaid in wanted if emaid in stored), None)
    if target is not None and (store.chosen is None or store.chosen.emaid != target):
        store.choose(target)


def _facts(store: ContractStore, mailbox: Mailbox, now: datetime) -> list[dict[str, Any]]:
    default = _default_of(mailbox)
    return [
        {
            "emaid": contract.emaid,
            "chosen": contract is store.chosen,
            "default": contract.emaid == default,
            "valid_until": contract.valid_until.isoformat(),
            "valid": contract.usable(now),
        }
        for contract in store.contracts
    ]
