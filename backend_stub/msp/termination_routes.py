"""The door for ending many contracts in one call."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import Field

from backend_stub.access import Party, Scope, allow
from backend_stub.authority.interface import CertificateAuthority
from backend_stub.errors import Code, MarketError
from backend_stub.msp.interface import MobilityServiceProvider
from backend_stub.msp.termination import terminate_many
from backend_stub.web.answers import refusals
from backend_stub.web.fields import Body, EmaidField
from pki.revocation import Reason

BULK_PATH = "/msp/v1/terminations"
MAX_CONTRACTS = 200_000
MAX_BULK_BYTES = 8 * 1024 * 1024
NDJSON = "application/x-ndjson"


class BulkTermination(Body):
    """Contracts that end."""

    emaids: list[EmaidField] = Field(min_length=1, max_length=MAX_CONTRACTS)
    reason: Reason = Reason.CESSATION_OF_OPERATION


def router(desk: MobilityServiceProvider, authority: CertificateAuthority) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/msp/v1", tags=["MSP: mobility service provider"])

    @routes.post(
        "/terminations",
        summary="End many contracts",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "One JSON object a line, as it goes on: `phase` (revoking, then ending), `done`, "
                "`total`, `failures`, `failed`, `finished`. A line with `error` ends one that stopped.",
                "content": {NDJSON: {"schema": {"type": "string"}}},
            },
            **refusals(Code.FORBIDDEN),
        },
    )
    async def terminate(
        body: BulkTermination, party: Annotated[Party, allow(Scope.MSP)]
    ) -> StreamingResponse:
        """Revoke all of them at once, then remove each from every connected pool.

        What a line counts is durable. A call that broke off is simply repeated.
        """
        for emaid in body.emaids:
            party.check_contract(emaid)
        return StreamingResponse(_lines(desk, authority, body), media_type=NDJSON)

    return routes


async def _lines(
    desk: MobilityServiceProvider, authority: CertificateAuthority, body: BulkTermination
) -> AsyncIterator[bytes]:
    async with aclosing(terminate_many(desk, authority, body.emaids, body.reason)) as steps:
        try:
            async for step in steps:
                yield _line(
                    {
                        "phase": step.phase,
                        "done": step.done,
                        "total": step.total,
                        "failures": step.failures,
                        "failed": list(step.failed),
                        "finished": step.finished,
                    }
                )
        except MarketError as error:  # the answer has begun: its status can say nothing any more
            yield _line({"error": str(error)})


def _line(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts).encode() + b"\n"
