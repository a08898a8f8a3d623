"""What every door does when a contract is deleted: revoke first, then remove."""

from typing import Annotated, Protocol

from fastapi import Header

from backend_stub.authority.interface import Certificate, RevokeOrder
from backend_stub.ccp.interface import ContractPool
from backend_stub.certificates import der
from backend_stub.errors import Code, MarketError
from pki.revocation import Reason

SkipRevocation = Annotated[
    bool,
    Header(alias="X-Skip-Revocation", description="Only remove; the contract certificate stays what it was."),
]


class Revoker(Protocol):
    """The part of the certificate authority that is needed here."""

    async def revoke(self, order: RevokeOrder) -> Certificate:
        """Revoke a certificate; raises MarketError(UNKNOWN) for one that is not in the index."""
        ...


async def end_contract(
    pool: ContractPool, revoker: Revoker | None, emaid: str, *, skip_revocation: bool
) -> None:
    """Remove a contract, after revoking its certificate unless that is to be skipped.

    A certificate of an authority elsewhere cannot be revoked here, and is removed all the same. Cut off in
    between, the call can be repeated. Raises MarketError(NO_CONTRACT).
    """
    found = {der(contract.certificate): contract.certificate for contract in await pool.find(emaid)}
    if revoker is not None and not skip_revocation:
        for certificate in found.values():
            try:
                await revoker.revoke(RevokeOrder(certificate, Reason.CESSATION_OF_OPERATION))
            except MarketError as error:
                if error.code is not Code.UNKNOWN:
                    raise
    await pool.delete(emaid)
