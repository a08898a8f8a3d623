"""Where contract bundles come from. One module a protocol of the market; OPCP is the first."""

from typing import Protocol

from v2g.timing import Deadline
from v2g.trace import Tracer


class BundleSource(Protocol):
    """Answers a CertificateInstallationReq with a ready-made response."""

    async def fetch(self, request_exi: bytes, namespace: str, tracer: Tracer, deadline: Deadline) -> bytes:
        """Return the EXI of the whole response message.

        ``request_exi`` is the whole request message as the car sent it (the signature in it is part of
        what the backend checks), ``namespace`` that of its message set. ``tracer`` is the session's. Raises
        :class:`secc.errors.BundleError`, and has to have done one or the other when ``deadline`` passes.
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
