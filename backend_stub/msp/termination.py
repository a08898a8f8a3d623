"""Ending many contracts: revoked at once, then taken out of every pool one after the other, with progress.

Both halves can be repeated: what is revoked stays so, and what has ended is passed over. A call that broke off,
or whose server was killed, is made again as it was.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend_stub.authority.interface import CertificateAuthority, Kind, Selection
from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import MobilityServiceProvider
from pki.revocation import Reason

_AT_A_TIME = 50
_MAX_FAILED = 20


class Phase(StrEnum):
    """What is being done."""

    REVOKING = "revoking"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Termination:
    """How far it has come. What is counted is durable; ``failed`` are the first contracts that could not be ended."""

    phase: Phase
    done: int
    total: int
    failures: int = 0
    failed: Sequence[str] = ()

    @property
    def finished(self) -> bool:
        """True if nothing is left to do."""
        return self.phase is Phase.ENDING and self.done >= self.total


async def terminate_many(
    desk: MobilityServiceProvider, authority: CertificateAuthority, emaids: Sequence[str], reason: Reason
) -> AsyncGenerator[Termination, None]:
    """End contracts, telling the progress.

    First all of them are revoked in bulk, so that chargers refuse every one of them within seconds; then the
    pools and car makers are told. A contract that is not ours, or a pool that cannot be reached, is counted as a
    failure and stops nobody else's end.
    """
    names = list(dict.fromkeys(emaids))
    own = []
    for number, name in enumerate(names):
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)  # reads may be done on the spot: others are to be served in between
        if await desk.find(name) is not None:
            own.append(name)
    selection = Selection(names=own, kind=Kind.CONTRACT)
    if own:
        async for step in authority.revoke_many(selection, reason):
            yield Termination(Phase.REVOKING, step.done, step.total)
    known = set(own)
    strange = [name for name in names if name not in known]
    failed, failures = strange[:_MAX_FAILED], len(strange)
    done = len(strange)
    for start in range(0, len(own), _AT_A_TIME):
        part = own[start : start + _AT_A_TIME]
        async with asyncio.TaskGroup() as group:
            ends = [group.create_task(_ended(desk, name, reason)) for name in part]
        unfinished = [name for name, end in zip(part, ends, strict=True) if not end.result()]
        failures += len(unfinished)
        failed = [*failed, *unfinished][:_MAX_FAILED]
        done += len(part)
        yield Termination(Phase.ENDING, done, len(names), failures, tuple(failed))
    if not own:
        yield Termination(Phase.ENDING, done, len(names), failures, tuple(failed))


async def _ended(desk: MobilityServiceProvider, emaid: str, reason: Reason) -> bool:
    try:
        await desk.terminate(emaid, reason)
    except MarketError as error:
        if error.code in {Code.NO_CONTRACT, Code.PEER, Code.STORE, Code.DEADLINE}:
            return False
        raise
    return True
