"""Asking several sources at once how a contract stands, and what to do when nobody knows."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from secc.config import Config
from secc.errors import BundleError
from secc.sources.oauth import market_auth
from secc.status import ContractStatusSource, Question, Standing, StatusError, crl, ocsp
from secc.status import backend as at_backend
from secc.status.backend import BackendStatus
from secc.status.crl import CrlStatus
from secc.status.fetching import Fetcher
from secc.status.ocsp import OcspStatus
from v2g.net.clock import Clock
from v2g.timing import Deadline
from v2g.trace import Tracer


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a contract stands, and who says so."""

    standing: Standing
    detail: str


class Inquiry:
    """All sources of a charger, asked at once.

    Where several object, the first of them in their order decides. Where none does, one that knows the contract as
    good is enough. ``accept_unknown`` says what becomes of a car of whose contract nobody knows anything.
    """

    def __init__(
        self,
        sources: Sequence[ContractStatusSource],
        clock: Clock,
        *,
        accept_unknown: bool = True,
        reserve_s: float = 0.25,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self.accept_unknown = accept_unknown
        self.reserve_s = reserve_s

    async def ask(self, question: Question, tracer: Tracer, deadline: Deadline) -> Verdict:
        """Return how a contract stands; always answers before ``deadline``."""
        started = self._clock.monotonic()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(_objection(source, question, deadline)) for source in self._sources]
        objections = [task.result() for task in asked]
        verdict = _verdict(self._sources, objections)
        tracer.event(
            "contract.checked",
            emaid=question.emaid,
            standing=verdict.standing,
            detail=verdict.detail,
            elapsed_s=self._clock.monotonic() - started,
        )
        return verdict

    def refusal(self, outcome: Verdict | BundleError | None) -> Verdict | None:
        """Return why a car is refused, None when it is not; takes whatever an errand brought."""
        if not isinstance(outcome, Verdict):
            outcome = Verdict(Standing.UNKNOWN, str(outcome or "no answer"))
        if outcome.standing is Standing.GOOD or (
            outcome.standing is Standing.UNKNOWN and self.accept_unknown
        ):
            return None
        return outcome

    async def close(self) -> None:
        """Close the connections of all sources."""
        for source in self._sources:
            await source.close()


def build(config: Config, clock: Clock) -> Inquiry | None:
    """Return the inquiry that a configuration asks for, None where it asks for none.

    Raises OSError for a CA file, and CredentialsError for credentials that cannot be used.
    """
    settings, market = config.revocation, config.backend
    ca_file = settings.ca or market.ca
    sources: list[ContractStatusSource] = []
    for kind in settings.check:
        if kind == "ocsp":
            fetcher = Fetcher(clock, ca_file=ca_file, max_bytes=ocsp.MAX_BYTES)
            sources.append(OcspStatus(fetcher, clock, url=settings.ocsp_url))
        elif kind == "crl":
            fetcher = Fetcher(clock, ca_file=ca_file, max_bytes=crl.MAX_BYTES)
            sources.append(CrlStatus(fetcher, clock, place=settings.crl, refresh_s=settings.crl_refresh_s))
        else:
            url = settings.backend_url or market.url
            auth = market_auth(market.credentials, url, clock)
            fetcher = Fetcher(clock, ca_file=ca_file, max_bytes=at_backend.MAX_BYTES, auth=auth)
            sources.append(BackendStatus(fetcher, url))
    if not sources:
        return None
    return Inquiry(
        sources, clock, accept_unknown=settings.on_silence == "accept", reserve_s=settings.reserve_s
    )


async def _objection(
    source: ContractStatusSource, question: Question, deadline: Deadline
) -> StatusError | None:
    try:
        await source.check(question, deadline)
    except StatusError as error:
        return error
    return None


def _verdict(sources: Sequence[ContractStatusSource], objections: Sequence[StatusError | None]) -> Verdict:
    pairs = list(zip(sources, objections, strict=True))
    for source, error in pairs:
        if error is not None and error.standing is not Standing.UNKNOWN:
            return Verdict(error.standing, f"{source.name}: {error.detail}")
    for source, error in pairs:
        if error is None:
            return Verdict(Standing.GOOD, source.name)
    details = "; ".join(f"{source.name}: {error.detail}" for source, error in pairs if error is not None)
    return Verdict(Standing.UNKNOWN, details)
