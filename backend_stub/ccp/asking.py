"""What every door for chargers does with a car's request, whatever protocol it speaks."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import Header

from backend_stub.access import Party, Role
from backend_stub.ccp.interface import ContractPool, Installation
from backend_stub.ccp.update import Updates, read_update
from backend_stub.errors import Code, MarketError
from backend_stub.namespaces import Edition
from backend_stub.reading import read_request

MAX_DEADLINE_MS = 3_600_000

REFUSALS = (
    Code.NAMESPACE,
    Code.EXI,
    Code.MESSAGE,
    Code.SIGNATURE,
    Code.CHAIN,
    Code.CHAIN_EXPIRED,
    Code.REVOKED,
    Code.NO_CONTRACT,
    Code.UNKNOWN_PROVIDER,
    Code.DEADLINE,
)
"""What :func:`ask` may refuse with."""

DeadlineHeader = Annotated[
    int | None,
    Header(
        alias="X-Deadline-Ms",
        ge=0,
        le=MAX_DEADLINE_MS,
        description="Milliseconds that the caller has left; when they are over, the work is given up.",
    ),
]
AlwaysReturnExi = Annotated[
    bool,
    Header(
        alias="alwaysReturnEXI",
        description="A refusal carries a CertificateInstallationRes with the reason, too, for the car to read.",
    ),
]
Broadcast = Annotated[
    bool,
    Header(description="True: answer from here, and ask no other provider. Peers must say so."),
]


async def ask(
    pool: ContractPool,
    party: Party,
    request: bytes,
    edition: Edition,
    deadline_ms: int | None,
    updates: Updates | None = None,
) -> Sequence[Installation]:
    """Answer a car's request for ``party``, within its time: in -2 with one contract, in -20 with one or more.

    With ``updates`` a CertificateUpdateReq of -2 is answered, too.
    A car maker may ask for its own cars only; a charger may ask for any car, whose signature stands for it.
    Raises MarketError with one of :data:`REFUSALS`, or FORBIDDEN.
    """
    if party.role is Role.OEM:
        party.check_vehicle(read_request(request, edition).pcid)
    try:
        async with asyncio.timeout(None if deadline_ms is None else deadline_ms / 1000):
            if edition is Edition.ISO20:
                return (await pool.deliver(request)).installations
            if updates is not None and (update := read_update(request)) is not None:
                return [await updates.answer(update)]
            return [await pool.answer(request)]
    except TimeoutError:
        raise MarketError(Code.DEADLINE, f"not finished within {deadline_ms} ms") from None
