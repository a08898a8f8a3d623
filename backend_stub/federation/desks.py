"""Two desks that stand at one provider only, reached from every other: the car's maker, the vehicle register."""

from collections.abc import Awaitable, Callable, Sequence

from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.federation.broadcast import first_success
from backend_stub.federation.peer import Peer
from backend_stub.oem.interface import EntitlementDesk
from backend_stub.register.interface import Registered, Registration


class FederatedEntitlementDesk:
    """Asks the own car maker first, and for another's car all peers: the one whose car it is answers."""

    def __init__(self, local: EntitlementDesk, peers: Sequence[Peer], timeout_s: float) -> None:
        self._local = local
        self._peers = peers
        self._timeout_s = timeout_s

    async def redeem(self, pcid: str, code: str, reference: str) -> None:
        """See :class:`~backend_stub.oem.interface.EntitlementDesk`."""
        await self._ask(
            lambda: self._local.redeem(pcid, code, reference), lambda peer: peer.redeem(pcid, code, reference)
        )

    async def restore(self, pcid: str, code: str, reference: str) -> None:
        """See :class:`~backend_stub.oem.interface.EntitlementDesk`."""
        await self._local.restore(pcid, code, reference)
        await first_success(
            self._peers,
            lambda peer: peer.restore(pcid, code, reference),
            within_s=calls.budget_s(self._timeout_s),
        )

    async def _ask(
        self, here: Callable[[], Awaitable[None]], there: Callable[[Peer], Awaitable[None]]
    ) -> None:
        try:
            await here()
        except MarketError as error:
            if error.code is not Code.UNKNOWN_PCID or calls.only_from_here():
                raise
            outcome = await first_success(self._peers, there, within_s=calls.budget_s(self._timeout_s))
            if outcome.winner is None:
                raise outcome.verdict or MarketError(error.code, f"{error.detail}{outcome.remark}") from None


class RegisterElsewhere:
    """The vehicle register of the country, which another provider of this market keeps."""

    def __init__(self, keeper: Peer) -> None:
        self._keeper = keeper

    async def enter(self, number: str, vin: str, pcid: str, keeper: str) -> Registered:
        """Raise MarketError(REQUEST): cars are registered where the register is kept."""
        raise MarketError(
            Code.REQUEST,
            f"the vehicle register is kept by provider {self._keeper.name} at {self._keeper.url}; {number} "
            f"(VIN {vin}, PCID {pcid}, keeper {keeper}) is to be registered there",
        )

    async def by_number(self, number: str) -> Registration | None:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""
        return await self._find(number=number)

    async def by_vin(self, vin: str) -> Registration | None:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""
        return await self._find(vin=vin)

    async def check_document(self, pcid: str, document: str) -> None:
        """See :class:`~backend_stub.register.interface.VehicleRegister`."""
        await self._keeper.check_document(pcid, document)

    async def _find(self, *, number: str | None = None, vin: str | None = None) -> Registration | None:
        try:
            return await self._keeper.registration(number=number, vin=vin)
        except MarketError as error:
            if error.code is not Code.UNKNOWN:
                raise
            return None
