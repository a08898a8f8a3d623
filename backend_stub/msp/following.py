"""What the provider does about a contract that is void because the car has another key, or is gone.

A bundle is sealed for one key of one car. When the car gets another, the contract pool drops the bundle and says so in
the event log; the provider reads that there, and its books do not go on calling the contract active.
"""

import asyncio
import logging

from backend_stub.ccp.interface import ContractPool, Drop
from backend_stub.errors import Code, MarketError
from backend_stub.events.interface import EventLog, EventType, RecordedEvent
from backend_stub.msp.interface import MobilityServiceProvider, State
from pki.revocation import Reason

RETRY_S = 10.0
"""After trouble that may pass, an event is looked at again after so long."""

_MAY_PASS = frozenset({Code.STORE, Code.PEER, Code.DEADLINE, Code.INTERNAL})
_REASONS = {Drop.KEY_CHANGED: Reason.SUPERSEDED, Drop.CAR_GONE: Reason.CESSATION_OF_OPERATION}

_log = logging.getLogger(__name__)


class VoidContracts:
    """Makes them anew for the new key (``remake``), or ends them, which also revokes their certificates."""

    def __init__(
        self, msp: MobilityServiceProvider, contracts: ContractPool, events: EventLog, *, remake: bool
    ) -> None:
        self._msp = msp
        self._contracts = contracts
        self._events = events
        self._remake = remake

    async def run(self) -> None:
        """Follow the log, from its beginning: what an earlier process did not come to is done first."""
        async for event in self._events.follow(0, types=[EventType.OEM_CONTRACT_DELETED]):
            if event is not None:
                await self._until_done(event)

    async def look_at(self, event: RecordedEvent) -> None:
        """Act on one event; harmless when it was acted on before. Raises MarketError when trying again may help."""
        emaid, why = event.emaid, event.payload.get("reason")
        if emaid is None or why not in _REASONS:
            return
        contract = await self._msp.find(emaid)
        if contract is None or contract.state is not State.ACTIVE:
            return
        if await self._contracts.find(emaid):
            return  # it was made anew already
        if self._remake and why == Drop.KEY_CHANGED and await self._renewed(emaid):
            return
        await self._msp.terminate(emaid, _REASONS[Drop(why)])
        _log.info("contract %s has ended: %s", emaid, why)

    async def _renewed(self, emaid: str) -> bool:
        try:
            await self._msp.renew(emaid)
        except MarketError as error:
            if error.code in _MAY_PASS:
                raise
            _log.info("contract %s cannot be made anew: %s", emaid, error)
            return False
        _log.info("contract %s is made anew for the new key of its car", emaid)
        return True

    async def _until_done(self, event: RecordedEvent) -> None:
        while True:
            try:
                await self.look_at(event)
            except MarketError as error:
                _log.warning("contract %s is void, and stands in the books: %s", event.emaid, error)
                if error.code not in _MAY_PASS:
                    return
            else:
                return
            await asyncio.sleep(RETRY_S)  # the pause between two attempts
