"""How a market is closed: which clients, which limits. From the command line or the market's description."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from backend_stub.access.clients import AccessError, ClientFile
from backend_stub.access.gate import CLIENT_RATE, STRANGER_RATE, Gate, Rates, is_loopback
from backend_stub.access.limits import Rate
from backend_stub.access.tokens import Tokens, signing_key
from backend_stub.database import Database
from pki.entropy import Entropy

TOKEN_LIFETIME_S = 600
_LONGEST_LIFETIME_S = 24 * 3600

_KEYS = frozenset(
    {"clients", "token_lifetime_s", "audiences", "rate_per_s", "burst", "stranger_rate_per_s", "strict_opnc"}
)


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """``clients`` None: the market is open, and must not be reachable from elsewhere."""

    clients: Path | None = None
    token_lifetime_s: int = TOKEN_LIFETIME_S
    audiences: Set[str] = frozenset()
    """What a token may be asked for; empty: anything."""
    rates: Rates = field(default_factory=Rates)
    strict_opnc: bool = False
    """Hold callers of OPNC to the letter of its schemas, also where real certificates cannot keep to it."""

    def check_host(self, host: str) -> None:
        """Raise AccessError when an open market would listen at an address that others can reach."""
        if self.clients is None and not is_loopback(host):
            raise AccessError(
                host,
                "an open market serves loopback addresses only; make clients with "
                "`backend-stub client add` and give their file with --clients",
            )


def from_options(clients: Path | None, rate_per_s: float | None, *, strict_opnc: bool) -> AccessSettings:
    """Return the settings that a command line gives. Raises AccessError for a rate that is none."""
    usual = Rates(CLIENT_RATE, STRANGER_RATE) if clients is not None else Rates()
    given = {} if rate_per_s is None else {"rate_per_s": rate_per_s}
    return AccessSettings(clients=clients, rates=_rates(given, usual), strict_opnc=strict_opnc)


def from_description(raw: Mapping[str, Any], folder: Path) -> AccessSettings:
    """Read the table ``[access]`` of a market's description; without it, the market is open.

    Paths count from ``folder``, where the description is. Raises AccessError naming the key.
    """
    table = raw.get("access")
    if table is None:
        return AccessSettings()
    if not isinstance(table, Mapping):
        raise AccessError("access", "must be a table")
    if unknown := sorted(set(table) - _KEYS):
        raise AccessError(f"access.{unknown[0]}", f"is no key; the keys are {', '.join(sorted(_KEYS))}")
    clients = _take(table, "clients", str, None)
    audiences = _take(table, "audiences", list, [])
    if not all(isinstance(item, str) and item for item in audiences):
        raise AccessError("access.audiences", "must be a list of strings")
    lifetime_s = _take(table, "token_lifetime_s", int, TOKEN_LIFETIME_S)
    if not 1 <= lifetime_s <= _LONGEST_LIFETIME_S:
        raise AccessError("access.token_lifetime_s", f"must be 1 to {_LONGEST_LIFETIME_S} seconds")
    usual = Rates(CLIENT_RATE, STRANGER_RATE) if clients is not None else Rates()
    return AccessSettings(
        clients=None if clients is None else folder / clients,
        token_lifetime_s=lifetime_s,
        audiences=frozenset(audiences),
        rates=_rates(table, usual),
        strict_opnc=_take(table, "strict_opnc", bool, default=False),
    )


def _rates(table: Mapping[str, Any], usual: Rates) -> Rates:
    client, stranger = usual.client, usual.stranger
    if "rate_per_s" in table or "burst" in table:
        client = _rate(table, "rate_per_s", CLIENT_RATE, "burst")
    if "stranger_rate_per_s" in table:
        stranger = _rate(table, "stranger_rate_per_s", STRANGER_RATE)
    return Rates(client, stranger)


def _rate(table: Mapping[str, Any], key: str, usual: Rate, burst_key: str | None = None) -> Rate:
    """Return the rate under a key; its burst is in proportion to the usual one, unless it is given."""
    per_s = _take(table, key, (int, float), usual.per_s)
    try:
        burst = max(1, round(per_s * usual.burst / usual.per_s))
        return Rate(per_s, _take(table, burst_key, int, burst) if burst_key else burst)
    except (ValueError, OverflowError) as error:
        raise AccessError(f"access.{key}", str(error)) from error


def _take(table: Mapping[str, Any], key: str, kind: Any, default: Any) -> Any:
    value = table.get(key, default)
    # A TOML true is a Python bool, and that is an int.
    if key in table and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise AccessError(f"access.{key}", f"{value!r} is of the wrong kind")
    return value


async def open_gate(
    settings: AccessSettings,
    database: Database,
    *,
    now: Callable[[], datetime],
    monotonic: Callable[[], float],
    entropy: Entropy,
) -> Gate:
    """Return the gate for these settings. Raises AccessError for a clients file that cannot be used."""
    if settings.clients is None:
        return Gate(None, settings.rates, monotonic)
    clients = ClientFile(settings.clients)
    tokens = Tokens(
        await signing_key(database, now, entropy),
        clients,
        now=now,
        lifetime_s=settings.token_lifetime_s,
        audiences=settings.audiences,
    )
    return Gate(tokens, settings.rates, monotonic)
