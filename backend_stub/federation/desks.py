"""Two desks that stand at one provider only, reached from every other: the car's maker, the vehicle register."""

import logging
from collections.abc import Mapping

from backend_stub.errors import Code, MarketError
from backend_stub.federation.peer import Peer
from backend_stub.oem.interface import EntitlementDesk
from backend_stub.register.interface import Registered, Registration

_WMI_LENGTH = 3

_log = logging.getLogger(__name__)


class FederatedEntitlementDesk:
    """Asks the own car maker, or the one whose WMI begins the PCID: a code is shown to nobody else.

    ``makers`` says by WMI at which peer a maker is.
    """

    def __init__(self, local: EntitlementDesk, makers: Mapping[str, Peer]) -> None:
        self._local = local
        self._makers = makers

    async def redeem(self, pcid: str, code: str, reference: str) -> None:
        """See :class:`~backend_stub.oem.interface.EntitlementDesk`."""
        peer = self._makers.get(pcid[:_WMI_LENGTH])
        if peer is None:
            await self._local.redeem(pcid, code, reference)
        else:
            await peer.redeem(pcid, code, reference)

    async def restore(self, pcid: str, code: str, reference: str) -> None:
        """See :class:`~backend_stub.oem.interface.EntitlementDesk`."""
        peer = self._makers.get(pcid[:_WMI_LENGTH])
        if peer is None:
            await self._local.restore(pcid, code, reference)
            return
        try:
            await peer.restore(pcid, code, reference)
        except MarketError as error:
            _log.warning("the one-time code of PCID %s stays used: %s", pcid, error)


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
