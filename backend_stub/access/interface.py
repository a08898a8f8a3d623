"""Parties and their rights.

Every client of the doors is a party: a role and an identifier. Whose a contract or a car is follows from
its name: an eMAID begins with country and provider id of its mobility operator, a PCID with the WMI of its
car maker. Hence ownership needs no table, and is checked before anything is looked up, so that a refusal
tells nothing of what exists.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from backend_stub.errors import Code, MarketError


class Role(StrEnum):
    """What a party is in the market."""

    OEM = "oem"
    MSP = "msp"
    CPO = "cpo"
    CPS = "cps"
    PEER = "peer"
    """The pools of another provider."""
    ADMIN = "admin"
    """Who runs this market."""


class Scope(StrEnum):
    """A right, as it stands in an access token; each call of the doors needs one."""

    CCP_ASK = "ccp:ask"
    CCP_COLLECT = "ccp:collect"
    CCP_READ = "ccp:read"
    CCP_WRITE = "ccp:write"
    CCP_DELETE = "ccp:delete"
    CCP_DEFAULT = "ccp:default"
    CPS_READ = "cps:read"
    CPS_SIGN = "cps:sign"
    CPS_GENERATE = "cps:generate"
    PCP_READ = "pcp:read"
    PCP_WRITE = "pcp:write"
    PCP_NOTICE = "pcp:notice"
    RCP_READ = "rcp:read"
    RCP_WRITE = "rcp:write"
    PKI_READ = "pki:read"
    PKI_ENROLL = "pki:enroll"
    PKI_REVOKE = "pki:revoke"
    EVENTS = "events"
    EVENTS_READ = "events:read"
    OEM = "oem"
    MSP = "msp"
    MARKET = "market"

    @property
    def meaning(self) -> str:
        """One line for the API description."""
        return _MEANING[self]


_MEANING: Mapping[Scope, str] = MappingProxyType(
    {
        Scope.CCP_ASK: "ask for the contract of a car with the car's signed request",
        Scope.CCP_COLLECT: "collect a signed bundle over the air, without a request of the car",
        Scope.CCP_READ: "look contracts up",
        Scope.CCP_WRITE: "store signed bundles",
        Scope.CCP_DELETE: "remove contracts",
        Scope.CCP_DEFAULT: "choose the default contract of a car",
        Scope.CPS_READ: "list the signing certificates",
        Scope.CPS_SIGN: "have contracts signed",
        Scope.CPS_GENERATE: "have contracts made and signed",
        Scope.PCP_READ: "read provisioning certificates",
        Scope.PCP_WRITE: "publish and withdraw provisioning certificates",
        Scope.PCP_NOTICE: "say that a car of another provider has changed",
        Scope.RCP_READ: "read the trust anchors",
        Scope.RCP_WRITE: "change the trust anchors",
        Scope.PKI_READ: "read CA certificates",
        Scope.PKI_ENROLL: "have certificates issued",
        Scope.PKI_REVOKE: "have certificates revoked",
        Scope.EVENTS: "subscribe to events",
        Scope.EVENTS_READ: "read the events that concern oneself; a peer: those that concern any car maker",
        Scope.OEM: "act as the car maker of this market",
        Scope.MSP: "act as the mobility operator of this market",
        Scope.MARKET: "see the market as a whole",
    }
)

_EVERYBODY = frozenset({Scope.RCP_READ, Scope.CPS_READ, Scope.PKI_READ, Scope.EVENTS, Scope.EVENTS_READ})

SCOPES: Mapping[Role, Set[Scope]] = MappingProxyType(
    {
        Role.OEM: _EVERYBODY
        | {
            Scope.CCP_ASK,
            Scope.CCP_COLLECT,
            Scope.CCP_READ,
            Scope.CCP_DEFAULT,
            Scope.PCP_READ,
            Scope.PCP_WRITE,
            Scope.PKI_ENROLL,
            Scope.PKI_REVOKE,
            Scope.OEM,
        },
        Role.MSP: _EVERYBODY
        | {
            Scope.CCP_READ,
            Scope.CCP_WRITE,
            Scope.CCP_DELETE,
            Scope.CPS_SIGN,
            Scope.CPS_GENERATE,
            Scope.PCP_READ,
            Scope.PKI_ENROLL,
            Scope.PKI_REVOKE,
            Scope.MSP,
        },
        Role.CPO: _EVERYBODY | {Scope.CCP_ASK, Scope.PKI_ENROLL},
        Role.CPS: _EVERYBODY | {Scope.CCP_WRITE, Scope.PCP_READ, Scope.PKI_ENROLL},
        Role.PEER: _EVERYBODY - {Scope.EVENTS}
        | {
            Scope.CCP_ASK,
            Scope.CCP_COLLECT,
            Scope.CCP_READ,
            Scope.CCP_WRITE,
            Scope.CCP_DELETE,
            Scope.CCP_DEFAULT,
            Scope.CPS_SIGN,
            Scope.PCP_READ,
            Scope.PCP_NOTICE,
        },
        Role.ADMIN: frozenset(Scope),
    }
)
"""What each role may do at most; a client may be given less. Who may do it with *which* contract or car,
see :meth:`Party.check_contract` and :meth:`Party.check_vehicle`."""

UNFORWARDED = frozenset({Scope.RCP_READ, Scope.CPS_READ, Scope.PKI_READ, Scope.EVENTS_READ})
"""Calls that no pool ever forwards; every other call of a peer must carry ``broadcast: true``."""

_IDENTIFIERS: Mapping[Role, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        Role.OEM: (re.compile(r"[0-9A-Z]{3}"), "the WMI: 3 letters or digits, such as PNC"),
        Role.MSP: (re.compile(r"[A-Z]{2}[0-9A-Z]{3}"), "country and provider id, such as DEPNC"),
        Role.CPO: (re.compile(r"[A-Z]{2}[0-9A-Z]{3}"), "country and operator id, such as DEPNC"),
        Role.CPS: (re.compile(r"[0-9A-F]{64}"), "the SHA-256 of its V2G root in hex"),
        Role.PEER: (re.compile(r"[0-9A-F]{64}"), "the SHA-256 of its V2G root in hex"),
        Role.ADMIN: (re.compile(r"[0-9A-Z._-]{1,64}"), "a name of letters, digits, dots and dashes"),
    }
)


def check_identifier(role: Role, text: str) -> str:
    """Return the normal form (upper case, without separators) of a party's identifier; raises ValueError."""
    upper = text.upper() if role is Role.ADMIN else text.upper().replace("-", "").replace("*", "")
    pattern, expected = _IDENTIFIERS[role]
    if pattern.fullmatch(upper) is None:
        raise ValueError(f"{text!r} is no identifier of role {role}: expected {expected}")
    return upper


@dataclass(frozen=True, slots=True)
class Party:
    """Who is calling."""

    role: Role
    id: str
    """In the normal form of :func:`check_identifier`."""
    scopes: Set[Scope]
    client_id: str = ""

    def __str__(self) -> str:
        """Return role and identifier, for messages and logs."""
        return f"{self.role} {self.id}"

    def owns_contract(self, emaid: str) -> bool:
        """Say whether a contract is within reach: mobility operators are confined to their own."""
        return self.role is not Role.MSP or emaid.startswith(self.id)

    def owns_vehicle(self, pcid: str) -> bool:
        """Say whether a car is within reach: car makers are confined to their own."""
        return self.role is not Role.OEM or pcid.startswith(self.id)

    def check_scope(self, scope: Scope) -> None:
        """Raise MarketError(FORBIDDEN) unless the party has this right."""
        if scope not in self.scopes:
            raise MarketError(Code.FORBIDDEN, f"{self} has no right {scope}: {scope.meaning}")

    def check_contract(self, emaid: str) -> None:
        """Raise MarketError(FORBIDDEN) for the contract of another mobility operator, existing or not."""
        if not self.owns_contract(emaid):
            raise MarketError(Code.FORBIDDEN, f"contract {emaid} is not one of {self}")

    def check_vehicle(self, pcid: str) -> None:
        """Raise MarketError(FORBIDDEN) for the car of another maker, existing or not."""
        if not self.owns_vehicle(pcid):
            raise MarketError(Code.FORBIDDEN, f"car {pcid} is not one of {self}")


OPEN = Party(Role.ADMIN, "OPEN", frozenset(Scope))
"""Everybody, where a market is open. That is only the case on loopback addresses."""
