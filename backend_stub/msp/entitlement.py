"""Whether a driver may have a contract for a car: the rules of :class:`backend_stub.msp.interface.Rule`."""

from dataclasses import dataclass

from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import Proof, Rule
from backend_stub.oem.interface import EntitlementDesk
from backend_stub.register.interface import VehicleRegister


@dataclass(frozen=True, slots=True)
class Entitlements:
    """Asks those who can know: the car's maker for its code, the vehicle register for the keeper's document.

    Where a proof is not ``required``, one that is given is checked all the same.
    """

    required: bool
    maker: EntitlementDesk
    register: VehicleRegister | None

    def check_form(self, proof: Proof | None) -> None:
        """Raise MarketError(ENTITLEMENT) when there is no proof and the market asks for one."""
        if proof is None and self.required:
            rules = " or ".join(Rule)
            raise MarketError(
                Code.ENTITLEMENT, f"a proof is needed that the driver may use this car: {rules}"
            )

    async def use(self, pcid: str, proof: Proof | None, reference: str) -> None:
        """Check a proof, and use up what can be used once only, for the contract ``reference``.

        Raises MarketError(ENTITLEMENT), or what the maker or register refuse.
        """
        if proof is None:
            return
        if proof.rule is Rule.MAKER_CODE:
            await self.maker.redeem(pcid, proof.value, reference)
        elif self.register is None:
            raise MarketError(Code.ENTITLEMENT, "this market has no vehicle register that knows the document")
        else:
            await self.register.check_document(pcid, proof.value)

    async def give_back(self, pcid: str, proof: Proof | None, reference: str) -> None:
        """Undo :meth:`use`: the contract was not made after all."""
        if proof is not None and proof.rule is Rule.MAKER_CODE:
            await self.maker.restore(pcid, proof.value, reference)
