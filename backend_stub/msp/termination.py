"""Ending many contracts: revoked at once, then taken out of every pool some hundred at a time, with progress.

Both halves can be repeated: what is revoked stays so, and what has ended is passed over. A call that broke off,
or whose server was killed, is made again as it was.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum

from backend_stub.authority.interface import CertificateAuthority, Kind, Selection
from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import MANY, MobilityServiceProvider
from pki.revocation import Reason

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
    own: list[str] = []
    for part in _parts(names):
        own += await desk.known(part)
        await asyncio.sleep(0)  # reads may be done on the spot: others are to be served in between
    if own:
        selection = Selection(names=own, kind=Kind.CONTRACT)
        async with aclosing(authority.revoke_many(selection, reason)) as steps:
            async for step in steps:
                yield Termination(Phase.REVOKING, step.done, step.total)
    known = set(own)
    strange = [name for name in names if name not in known]
    failed, failures = strange[:_MAX_FAILED], len(strange)
    done = len(strange)
    for part in _parts(own):
        unfinished = await _unfinished(desk, part, reason)
        failures += len(unfinished)
        failed = [*failed, *unfinished][:_MAX_FAILED]
        done += len(part)
        yield Termination(Phase.ENDING, done, len(names), failures, tuple(failed))
    if not own:
        yield Termination(Phase.ENDING, done, len(names), failures, tuple(failed))


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + MANY] for start in range(0, len(names), MANY))


async def _unfinished(desk: MobilityServiceProvider, emaids: Sequence[str], reason: Reason) -> Sequence[str]:
    """End contracts; return those that could not be ended now."""
    try:
        return await desk.terminate_many(emaids, reason)
    except MarketError as error:
        if error.code in {Code.PEER, Code.STORE, Code.DEADLINE}:
            return emaids
        raise
