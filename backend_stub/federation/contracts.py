"""The contract pools of connected providers as one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from backend_stub.ccp.interface import (
    Collection,
    Contract,
    ContractPool,
    Delivery,
    Installation,
    SignedBundle,
)
from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.federation.broadcast import MISSES, first_success
from backend_stub.federation.notices import CarWatcher
from backend_stub.federation.peer import Peer
from backend_stub.namespaces import Edition
from backend_stub.reading import read_request

T = TypeVar("T")

_ELSEWHERE = frozenset({Code.NO_CONTRACT, Code.UNKNOWN_PROVIDER})
"""Refusals of a pool after which another one may have what is wanted."""

_log = logging.getLogger(__name__)


class FederatedContractPool:
    """Asks the own pool first, without waiting for anybody, and on a miss all peers at once."""

    def __init__(
        self, local: ContractPool, copies: CarWatcher, peers: Sequence[Peer], timeout_s: float
    ) -> None:
        self._local = local
        self._copies = copies
        self._peers = peers
        self._timeout_s = timeout_s

    async def answer(self, request: bytes) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._asked(
            request, Edition.ISO2, lambda: self._local.answer(request), lambda peer: peer.install(request)
        )

    async def deliver(self, request: bytes) -> Delivery:
        """See :class:`~backend_stub.ccp.interface.ContractPool`: the contracts of one provider, the own one first."""
        return await self._asked(
            request, Edition.ISO20, lambda: self._local.deliver(request), lambda peer: peer.deliver(request)
        )

    async def _asked(
        self,
        request: bytes,
        edition: Edition,
        ask_here: Callable[[], Awaitable[T]],
        ask_peer: Callable[[Peer], Awaitable[T]],
    ) -> T:
        try:
            with calls.at_once():
                return await ask_here()
        except MarketError as error:
            if calls.only_from_here() or error.code not in {*_ELSEWHERE, Code.REVOKED}:
                raise
            miss = error
        if miss.code is Code.REVOKED:
            # The copy that is held of another provider's car may be out of date.
            try:
                await self._copies.look_again(read_request(request, edition).pcid)
                return await ask_here()
            except MarketError as error:
                if error.code not in _ELSEWHERE:
                    raise miss from error
                miss = error
        outcome = await first_success(self._peers, ask_peer, within_s=calls.budget_s(self._timeout_s))
        if outcome.answer is not None:
            return outcome.answer
        raise outcome.verdict or MarketError(miss.code, f"{miss.detail}{outcome.remark}")

    async def collect(self, wanted: Collection) -> Installation:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        try:
            return await self._local.collect(wanted)
        except MarketError as error:
            if calls.only_from_here() or error.code is not Code.NO_CONTRACT:
                raise
            miss = error
        outcome = await first_success(
            self._peers, lambda peer: peer.collect(wanted), within_s=calls.budget_s(self._timeout_s)
        )
        if outcome.answer is not None:
            return outcome.answer
        raise outcome.verdict or MarketError(miss.code, f"{miss.detail}{outcome.remark}")

    async def factory_reset(self, pcid: str) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`: in every pool.

        Raises MarketError(PEER) when a peer could not be asked: the call is then to be repeated.
        """
        removed = [*await self._local.factory_reset(pcid)]
        if calls.only_from_here():
            return removed

        async def reset(peer: Peer) -> None:
            removed.extend(await peer.factory_reset(pcid))

        failed = {name: error for name, error in (await self._all(reset)).items() if error is not None}
        if failed:
            raise MarketError(
                Code.PEER,
                f"contracts of car {pcid} may still be at provider {', '.join(failed)}: "
                + "; ".join(str(error) for error in failed.values()),
            )
        return removed

    async def put(self, bundle: SignedBundle) -> Contract:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._local.put(bundle)

    async def delete(self, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`; from every pool that has it.

        Raises MarketError(PEER) when a peer could not be asked: the call is then to be repeated.
        """
        here = True
        try:
            await self._local.delete(emaid)
        except MarketError as error:
            if error.code is not Code.NO_CONTRACT or calls.only_from_here():
                raise
            here = False
        if calls.only_from_here():
            return
        results = await self._all(lambda peer: peer.delete_contract(emaid))
        failed = {name: error for name, error in results.items() if error and error.code not in MISSES}
        if failed:
            reasons = "; ".join(str(error) for error in failed.values())
            raise MarketError(
                Code.PEER, f"contract {emaid} may still be at provider {', '.join(failed)}: {reasons}"
            )
        if not here and all(results.values()):
            raise MarketError(Code.NO_CONTRACT, f"no contract {emaid}")

    async def delete_many(self, emaids: Sequence[str]) -> Sequence[str]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`; from every pool that has them."""
        left = set(await self._local.delete_many(emaids))
        if not calls.only_from_here():
            results = await self._all(lambda peer: peer.delete_contracts(emaids))
            failed = {name: error for name, error in results.items() if error is not None}
            if failed:
                _log.warning("%d contracts may still be at provider %s", len(emaids), ", ".join(failed))
                left.update(emaids)
        return sorted(left)

    async def set_default(self, pcid: str, emaid: str) -> None:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        try:
            await self._local.set_default(pcid, emaid)
        except MarketError as error:
            if error.code is not Code.NO_CONTRACT or calls.only_from_here():
                raise
            outcome = await first_success(
                self._peers,
                lambda peer: peer.set_default(pcid, emaid),
                within_s=calls.budget_s(self._timeout_s),
            )
            if outcome.winner is None:
                raise outcome.verdict or MarketError(error.code, f"{error.detail}{outcome.remark}") from None

    async def of_car(self, pcid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._local.of_car(pcid) or await self._elsewhere(
            lambda peer: peer.contracts_of_car(pcid)
        )

    async def find(self, emaid: str) -> Sequence[Contract]:
        """See :class:`~backend_stub.ccp.interface.ContractPool`."""
        return await self._local.find(emaid) or await self._elsewhere(lambda peer: peer.contract(emaid))

    async def _elsewhere(self, ask: Callable[[Peer], Awaitable[Sequence[Contract]]]) -> Sequence[Contract]:
        if calls.only_from_here() or calls.only_at_once():
            return []
        outcome = await first_success(self._peers, ask, within_s=calls.budget_s(self._timeout_s))
        if outcome.answer is None and outcome.remark:
            _log.warning("a contract was looked up%s", outcome.remark)
        return outcome.answer or []

    async def _all(self, ask: Callable[[Peer], Awaitable[None]]) -> dict[str, MarketError | None]:
        """Ask every peer and wait for all; return each one's refusal, None for a success."""
        results: dict[str, MarketError | None] = {}

        async def one(peer: Peer) -> None:
            try:
                await ask(peer)
            except MarketError as error:
                results[peer.name] = error
            else:
                results[peer.name] = None

        async with asyncio.TaskGroup() as group:
            for peer in self._peers:
                group.create_task(one(peer))
        return results
