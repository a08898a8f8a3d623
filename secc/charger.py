"""What all sessions of one charger share."""

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from pki.entropy import Entropy
from secc.config import Config
from secc.pausing import PausedSessions
from secc.sources import BundleSource
from secc.station import Station
from secc.status.inquiry import Inquiry
from v2g.net.clock import Clock
from v2g.security.dialects import DIALECTS, Dialect


@dataclass(frozen=True, slots=True)
class Trust:
    """The roots this charger believes in, for one generation of the standard.

    ``mo`` for contracts, ``v2g`` for provisioning services, ``oem`` for provisioning certificates of cars
    (none: only their validity is judged).
    """

    mo: tuple[x509.Certificate, ...] = ()
    v2g: tuple[x509.Certificate, ...] = ()
    oem: tuple[x509.Certificate, ...] = ()


@dataclass(slots=True)
class Charger:
    """Settings, station, clock, randomness, trust and backend of one charger.

    ``trust`` is for ISO 15118-2, ``trust20`` for ISO 15118-20. ``source`` is None when no backend is
    configured: then nothing is installed here. ``inquiry`` is None when nobody is asked whether contracts
    still stand. ``tariff_key`` signs sales tariffs of -2; None: there are none. ``paused`` holds the sessions that cars may come back to. ``stopping`` is set when the
    charger is to end: cars that charge are told so, and no new session begins.
    """

    config: Config
    station: Station
    clock: Clock
    entropy: Entropy
    source: BundleSource | None = None
    inquiry: Inquiry | None = None
    trust: Trust = field(default_factory=Trust)
    trust20: Trust = field(default_factory=Trust)
    tariff_key: ec.EllipticCurvePrivateKey | None = None
    paused: PausedSessions = field(default_factory=PausedSessions)
    stopping: bool = False

    @property
    def dialect(self) -> Dialect:
        """The reading of the standard's open points that signatures of -20 are checked by."""
        return DIALECTS[self.config.security.dialect]

    @property
    def installs(self) -> bool:
        """True if contracts can be installed here (over TLS)."""
        return self.source is not None and self.config.installation.offer

    @property
    def updates(self) -> bool:
        """True if contracts of ISO 15118-2 can be updated here (over TLS)."""
        return self.installs and self.config.installation.update

    @property
    def takes_contracts(self) -> bool:
        """True if Plug & Charge is possible here with ISO 15118-2 (over TLS)."""
        return self.config.payment.contract and bool(self.trust.mo)

    @property
    def takes_contracts20(self) -> bool:
        """True if Plug & Charge is possible here with ISO 15118-20 (over TLS)."""
        return self.config.payment.contract and bool(self.trust20.mo)
