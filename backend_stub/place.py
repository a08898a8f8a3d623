"""Where a provider stands in a market: who it is, what rules it follows, with whom it is connected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend_stub.description import EventRules
from backend_stub.federation.peer import Peer
from backend_stub.oem.interface import EVERYWHERE
from backend_stub.remote.connection import RoleConnection
from backend_stub.roles import Role

WMI = "PNC"
COUNTRY = "DE"
PROVIDER_ID = "PNC"
PEER_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """A provider's place. The defaults are a market of one provider, with nobody to ask and no proof asked for."""

    name: str = "market"
    wmi: str = WMI
    regions: Mapping[str, frozenset[str] | None] = field(default_factory=lambda: {EVERYWHERE: None})
    """Sales region → fingerprints of the V2G roots that a car sold there holds; None: all of the market's."""
    default_region: str = EVERYWHERE
    country: str = COUNTRY
    provider_id: str = PROVIDER_ID
    proof_required: bool = False
    """A driver must show that he may have a contract for the car."""
    peers: Sequence[Peer] = ()
    peer_timeout_s: float = PEER_TIMEOUT_S
    """How long to wait for peers when the caller set no deadline."""
    maker_pins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """WMI → fingerprints of the OEM roots that a chain of this maker's cars may end at."""
    makers: Mapping[str, Peer] = field(default_factory=dict)
    """WMI → peer at which this car maker is; the own one is not among them."""
    elsewhere: Mapping[Role, RoleConnection] = field(default_factory=dict)
    """Roles of this provider that run in another process, and how to reach them."""
    register_keeper: Peer | None = None
    """Who keeps the vehicle register; None: this provider."""
    events: EventRules = field(default_factory=EventRules)
    """How events are kept and delivered."""
    remake_contracts: bool = False
    """Contracts of a car that gets another key are made anew for it; else they end."""
