"""The protocols that the car speaks, what each needs of the vehicle, and how its session begins."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from evcc.config import COMMAND_LINE, SPOKEN, Config, Payment
from evcc.context import Context, Paused
from evcc.din.session import Session as DinSession
from evcc.errors import ConfigError
from evcc.iso2.session import Session as Iso2Session
from evcc.iso20.session import Session as Iso20Session
from evcc.vehicle import SETTINGS_NAME, Vehicle
from pki.hierarchy import ISO20_FOLDER
from v2g.net.keylog import KeyLog
from v2g.net.tls import ClientTls
from v2g.net.tls_config import Iso20Client
from v2g.protocols import DIN, ISO2, ISO20_AC, ISO20_DC, Edition


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol that the car speaks.

    ``run`` goes through a session and returns it if it was paused; ``store`` is which contract store it
    uses; ``missing`` returns what a vehicle lacks for it, nothing if it lacks nothing. With ``tls13`` it is
    spoken over TLS 1.3 only, with ``plain`` without TLS only.
    """

    edition: Edition
    run: Callable[[Context], Awaitable[Paused | None]]
    store: str
    missing: Callable[[Vehicle], str]
    tls13: bool = False
    plain: bool = False


async def _din(context: Context) -> Paused | None:
    await DinSession(context).run()
    return None


async def _iso2(context: Context) -> Paused | None:
    return await Iso2Session(context).run()


async def _iso20(context: Context) -> Paused | None:
    return await Iso20Session(context).run()


def _lacks_iso20(vehicle: Vehicle) -> str:
    return "" if vehicle.iso20 is not None else f"there is no folder {vehicle.directory / ISO20_FOLDER}"


def _lacks_dc(vehicle: Vehicle) -> str:
    return "" if vehicle.dc is not None else f"{vehicle.directory / SETTINGS_NAME} has no [dc]"


def _lacks_iso20_dc(vehicle: Vehicle) -> str:
    return _lacks_dc(vehicle) or _lacks_iso20(vehicle)


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        ISO20_DC.key: Protocol(ISO20_DC, _iso20, "iso20", _lacks_iso20_dc, tls13=True),
        ISO20_AC.key: Protocol(ISO20_AC, _iso20, "iso20", _lacks_iso20, tls13=True),
        ISO2.key: Protocol(ISO2, _iso2, "iso2", lambda _vehicle: ""),
        DIN.key: Protocol(DIN, _din, "iso2", _lacks_dc, plain=True),
    }
)
"""By the short names of their editions; :data:`evcc.config.SPOKEN` has the usual order."""


def offered(config: Config, vehicle: Vehicle) -> tuple[Protocol, ...]:
    """Return the protocols to offer, the preferred one first.

    Those that the configuration names, or else all that the vehicle has what it takes for. Raises
    :class:`ConfigError` for one that is named although the vehicle or the configuration rule it out.
    """
    chosen = []
    for name in config.protocols or SPOKEN:
        protocol = PROTOCOLS[name]
        problem = protocol.missing(vehicle)
        if not problem and protocol.tls13 and not config.tls:
            problem = "ISO 15118-20 is spoken over TLS 1.3 only, and network.tls is false"
        if not problem and protocol.plain and (config.tls or config.payment is Payment.CONTRACT):
            problem = "DIN 70121 is spoken without TLS and paid externally: --no-tls --payment external"
        if not problem:
            chosen.append(protocol)
        elif config.protocols:
            raise ConfigError(COMMAND_LINE, "protocols", f"{name}: {problem}")
    return tuple(chosen)


def tls_of(
    vehicle: Vehicle,
    protocols: Sequence[Protocol],
    *,
    keylog: KeyLog | None = None,
    now: Callable[[], datetime] | None = None,
) -> ClientTls:
    """Return the car's end of TLS for these protocols: 1.2, 1.3 with the vehicle certificate, or either.

    Raises :class:`v2g.errors.TlsError`.
    """
    identity = vehicle.iso20 if any(protocol.tls13 for protocol in protocols) else None
    older = any(not protocol.tls13 for protocol in protocols)
    iso20 = (
        Iso20Client(identity.v2g_roots, identity.vehicle_chain, identity.vehicle_key)
        if identity is not None
        else None
    )
    return ClientTls(vehicle.v2g_roots if older else None, iso20=iso20, keylog=keylog, now=now)
