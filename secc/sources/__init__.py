"""Where contract bundles come from. One module a protocol of the market; OPCP is the first."""

from dataclasses import dataclass
from typing import Protocol

from v2g.timing import Deadline
from v2g.trace import Tracer

Bundles = tuple[bytes, ...]
"""Whole response messages as EXI, one a contract, in the order in which the car should get them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a car asks for.

    ``request_exi`` is the whole request message as the car sent it (the signature in it is part of what the
    backend checks), ``namespace`` that of its message set. ``maximum`` is how many contracts the car has room
    for, and ``emaids`` are those it wants before others, both as in ISO 15118-20; -2 has neither.
    """

    request_exi: bytes
    namespace: str
    maximum: int | None = None
    emaids: tuple[str, ...] = ()


class BundleSource(Protocol):
    """Answers a CertificateInstallationReq with ready-made responses."""

    async def fetch(self, wanted: Wanted, tracer: Tracer, deadline: Deadline) -> Bundles:
        """Return a response for each contract that there is for the car, at least one.

        ``tracer`` is the session's. Raises :class:`secc.errors.BundleError`, and has to have done one or the
        other when ``deadline`` passes.
        """
        ...

    async def prepare(self, deadline: Deadline) -> None:
        """Do ahead of the first car what need not cost its time, such as connecting.

        Raises BundleError when the backend cannot be reached; a later :meth:`fetch` tries again all the
        same.
        """
        ...

    async def close(self) -> None:
        """Release connections; no call follows."""
        ...
