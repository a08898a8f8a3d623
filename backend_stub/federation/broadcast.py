"""Ask several providers the same at once, and take the first good answer."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from backend_stub.errors import Code, MarketError
from backend_stub.federation.peer import Peer

T = TypeVar("T")

MISSES = frozenset({Code.NO_CONTRACT, Code.UNKNOWN_PROVIDER, Code.UNKNOWN_PCID, Code.UNKNOWN, Code.NO_SIGNER})
"""Refusals that mean "not here"."""


@dataclass(slots=True)
class Outcome(Generic[T]):
    """What the peers said. ``winner`` and ``answer`` are those of the first success."""

    winner: Peer | None = None
    answer: T | None = None
    refusals: dict[str, MarketError] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    """Peers that had not answered when the time was over."""

    @property
    def everybody_misses(self) -> bool:
        """Say whether every peer answered, and none has it."""
        return (
            self.winner is None
            and not self.silent
            and all(refusal.code in MISSES for refusal in self.refusals.values())
        )

    @property
    def verdict(self) -> MarketError | None:
        """The refusal that says more than "not here" or "cannot be reached", if a peer gave one."""
        for refusal in self.refusals.values():
            if refusal.code not in MISSES and refusal.code not in {Code.PEER, Code.DEADLINE, Code.STORE}:
                return refusal
        return None

    @property
    def remark(self) -> str:
        """What to add to "not found": which peers could not be asked."""
        troubled = [name for name, refusal in self.refusals.items() if refusal.code not in MISSES]
        absent = [*troubled, *self.silent]
        return f"; no answer from provider {', '.join(absent)}" if absent else ""


async def first_success(
    peers: Sequence[Peer], ask: Callable[[Peer], Awaitable[T]], *, within_s: float
) -> Outcome[T]:
    """Ask all ``peers`` at once; return at the first success, cancelling the others, or after ``within_s``.

    ``ask`` refuses with MarketError; that is the peer's answer and never fails the call.
    """
    answers: asyncio.Queue[tuple[Peer, T | None, MarketError | None]] = asyncio.Queue()

    async def one(peer: Peer) -> None:
        try:
            answers.put_nowait((peer, await ask(peer), None))
        except MarketError as error:
            answers.put_nowait((peer, None, error))

    outcome: Outcome[T] = Outcome()
    waiting = {peer.name for peer in peers}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(peer)) for peer in peers]
        try:
            async with asyncio.timeout(within_s):
                while waiting:
                    peer, answer, refusal = await answers.get()
                    waiting.discard(peer.name)
                    if refusal is None:
                        outcome.winner, outcome.answer = peer, answer
                        break
                    outcome.refusals[peer.name] = refusal
        except TimeoutError:
            outcome.silent = tuple(sorted(waiting))
        finally:
            for task in tasks:
                task.cancel()
    return outcome
