"""A certificate installation of ISO 15118-20 under way: one request, repeated, several contracts."""

from collections import deque
from dataclasses import dataclass, field

from secc.iso20.bundle import Bundle
from secc.sources import Bundles
from secc.table import Errand
from v2g.messages.iso20.common_messages import CertificateInstallationReq

_HEADER = "header"


@dataclass(slots=True)
class Installation:
    """What a session knows of an installation.

    ``request`` is what the car asked for first, ``errand`` what fetches its bundles, ``ready`` the bundles that
    the car has not got yet.
    """

    request: CertificateInstallationReq
    errand: Errand[Bundles]
    ready: deque[Bundle] = field(default_factory=deque)

    def is_repeated_by(self, request: CertificateInstallationReq) -> bool:
        """Tell whether a request is the first one unaltered; time stamp and signature differ each time."""
        names = (name for name in request.__struct_fields__ if name != _HEADER)
        return all(getattr(request, name) == getattr(self.request, name) for name in names)
