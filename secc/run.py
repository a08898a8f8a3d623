"""``secc run``: from a configuration to a charger that serves cars, and its orderly end."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

import exi
from pki.entropy import SystemEntropy
from pki.errors import StoreError
from pki.store import read_key
from secc.charger import Charger
from secc.config import Backend, Config, check, load, override
from secc.credentials import load_tls, load_trust, load_trust20
from secc.dc_supply import DcRating
from secc.errors import BundleError, ConfigError, StartError
from secc.protocols import chosen
from secc.roots import MAX_BYTES as MAX_ROOTS_BYTES
from secc.roots import RootSource
from secc.server import Server
from secc.sources.oauth import market_auth
from secc.sources.opcp import OpcpSource
from secc.station import Rating, Station
from secc.status.fetching import Fetcher
from secc.status.inquiry import Inquiry, build
from v2g.capture import Capture
from v2g.errors import InterfaceError
from v2g.messages import appprotocol, xmldsig
from v2g.net.clock import Clock, SystemClock
from v2g.net.interfaces import Interface, choose_interface
from v2g.net.keylog import KeyLog
from v2g.net.network import TcpNetwork
from v2g.net.oauth import CredentialsError
from v2g.net.process import peak_rss_bytes
from v2g.net.tls import ServerTls
from v2g.sdp import Security
from v2g.timing import Deadline
from v2g.trace import JsonlSink, NullSink, Tracer

_log = logging.getLogger("secc")

_PREPARE_S = 10.0


def run(config_file: str | None, changes: Mapping[str, Any], *, as_json: bool, verbose: bool) -> None:
    """Be a charger until SIGINT or SIGTERM; raises ConfigError or StartError."""
    source = config_file or "command line"
    config = load(config_file) if config_file else Config()
    config = override(config, changes)
    if all(protocol.external for protocol in chosen(config.network.protocols)):
        config = override(config, {"network.tls": False})  # there is nothing to speak over it
    check(config, source)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with contextlib.ExitStack() as files:
        asyncio.run(_main(config, source, files, as_json=as_json))


async def _main(config: Config, source: str, files: contextlib.ExitStack, *, as_json: bool) -> None:
    clock = SystemClock()
    sink = _opened(files, JsonlSink, config.output.trace, source, "output.trace") or NullSink()
    tracer = Tracer("secc", sink, clock.now)
    code = 1
    try:
        await _serve(config, source, clock, tracer, files, as_json=as_json)
        code = 0
    except (ConfigError, StartError) as error:
        code = error.exit_code
        raise
    finally:
        tracer.event("process.ended", exit_code=code, peak_rss_bytes=peak_rss_bytes())


async def _serve(
    config: Config,
    source: str,
    clock: SystemClock,
    tracer: Tracer,
    files: contextlib.ExitStack,
    *,
    as_json: bool,
) -> None:
    capture = _opened(files, Capture, config.output.capture, source, "output.capture")
    charger = _charger(config, source, clock)
    roots = _roots(config, source, clock)
    server = Server(
        charger,
        chosen(config.network.protocols),
        TcpNetwork(),
        tracer,
        tls=_tls(config, source, capture, files) if config.network.tls else None,
        interface=_interface(config),
        capture=capture,
    )
    try:
        stopped = _on_signals()
        _warm_up(config)
        folder, folder20 = charger.trust, charger.trust20
        asked = roots is not None and await roots.renew(charger, folder, folder20)
        await server.start()
        _announce(server, charger, tracer, as_json=as_json)
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(_prepare(charger))]
            if roots is not None:
                beside.append(tasks.create_task(roots.keep_current(charger, folder, folder20, asked=asked)))
            await stopped.wait()
            for task in beside:
                task.cancel()
            await server.stop()
    finally:
        if charger.source is not None:
            await charger.source.close()
        if charger.inquiry is not None:
            await charger.inquiry.close()
        if roots is not None:
            await roots.close()


def _charger(config: Config, source: str, clock: SystemClock) -> Charger:
    trust = load_trust(config.certificates, source)
    backend = None
    if config.backend.url:
        backend = _backend(config, source, clock)
        if config.backend.verify_bundle and not (trust.v2g or config.backend.roots):
            _log.warning(
                "no V2G roots: contract bundles are only checked for a signature, not for whose it is"
            )
    return Charger(
        config=config,
        station=station_of(config, clock),
        clock=clock,
        entropy=SystemEntropy(),
        source=backend,
        inquiry=_inquiry(config, source, clock),
        trust=trust,
        trust20=load_trust20(config.certificates, source),
        tariff_key=_tariff_key(config, source),
    )


def _tariff_key(config: Config, source: str) -> ec.EllipticCurvePrivateKey | None:
    """Return the key that signs sales tariffs, None when none is configured."""
    if not config.tariff.key:
        return None
    try:
        return read_key(Path(config.tariff.key))
    except StoreError as error:
        raise ConfigError(source, "tariff.key", f"{error.path}: {error.detail}") from error


def station_of(config: Config, clock: Clock) -> Station:
    """Make the station that the configuration describes."""
    settings, dc = config.station, config.dc
    both_ways = settings.bidirectional
    return Station.of(
        settings.evse_id,
        settings.outlets,
        Rating(settings.voltage_v, settings.max_current_a, settings.phases, both_ways),
        settings.meter_id,
        clock,
        dc_count=settings.dc_outlets,
        dc_rating=DcRating(
            **msgspec.structs.asdict(dc),
            max_discharge_current_a=dc.max_current_a if both_ways else 0.0,
            max_discharge_power_w=dc.max_power_w if both_ways else 0.0,
        ),
    )


def _inquiry(config: Config, source: str, clock: SystemClock) -> Inquiry | None:
    try:
        return build(config, clock)
    except CredentialsError as error:
        raise ConfigError(source, "backend.credentials", str(error)) from error
    except OSError as error:  # ssl.SSLError among them
        place = config.revocation.ca or config.backend.ca
        raise ConfigError(source, "revocation.ca", f"{place}: {error.strerror or error}") from error


def _backend(config: Config, source: str, clock: SystemClock) -> OpcpSource:
    settings = config.backend
    with _told_of(settings, source):
        return OpcpSource(
            settings.url,
            clock=clock,
            auth=market_auth(settings.credentials, settings.url, clock),
            ca_file=settings.ca or None,
            max_bytes=settings.max_response_bytes,
            iso20_namespace=settings.iso20_namespace,
        )


def _roots(config: Config, source: str, clock: SystemClock) -> RootSource | None:
    settings = config.backend
    if not settings.roots:
        return None
    with _told_of(settings, source):
        auth = market_auth(settings.credentials, settings.url, clock)
        fetcher = Fetcher(clock, ca_file=settings.ca, max_bytes=MAX_ROOTS_BYTES, auth=auth)
        return RootSource(fetcher, settings.url, clock, every_s=settings.roots_every_s)


@contextlib.contextmanager
def _told_of(settings: Backend, source: str) -> Iterator[None]:
    """Turn files of ``[backend]`` that cannot be used into ConfigError."""
    try:
        yield
    except CredentialsError as error:
        raise ConfigError(source, "backend.credentials", str(error)) from error
    except OSError as error:  # ssl.SSLError among them
        raise ConfigError(source, "backend.ca", f"{settings.ca}: {error.strerror or error}") from error


def _tls(config: Config, source: str, capture: Capture | None, files: contextlib.ExitStack) -> ServerTls:
    keylog = None
    if capture is not None or config.output.key_log:
        path = Path(config.output.key_log) if config.output.key_log else None
        try:
            keylog = files.enter_context(KeyLog(path, capture.add_secrets if capture else None))
        except OSError as error:
            raise ConfigError(source, "output.key_log", f"{path}: {error.strerror or error}") from error
    return load_tls(config, source, keylog)


def _interface(config: Config) -> Interface | None:
    if not config.network.sdp:
        return None
    try:
        return choose_interface(config.network.interface)
    except InterfaceError as error:
        raise StartError(f"{error}; or switch discovery off (--no-sdp)") from error


class _Closeable(Protocol):
    def close(self) -> None: ...


_C = TypeVar("_C", bound=_Closeable)


def _opened(
    files: contextlib.ExitStack, kind: Callable[[Path], _C], path: str, source: str, key: str
) -> _C | None:
    """Open an output file that is closed with the rest; None when none is configured."""
    if not path:
        return None
    try:
        opened = kind(Path(path))
    except OSError as error:
        raise ConfigError(source, key, f"{path}: {error.strerror or error}") from error
    files.callback(opened.close)
    return opened


def _on_signals() -> asyncio.Event:
    """Return an event that SIGINT and SIGTERM set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


async def _prepare(charger: Charger) -> None:
    """Connect to the backend ahead of the first car, and tell the operator when it is not there."""
    if charger.source is None:
        return
    try:
        await charger.source.prepare(Deadline.after(_PREPARE_S, charger.clock.monotonic()))
    except BundleError as error:
        _log.warning("the backend %s does not answer yet: %s", charger.config.backend.url, error.detail)


def _warm_up(config: Config) -> None:
    """Have the codec derive its grammars now: the first car should not wait for them."""
    protocols = chosen(config.network.protocols)
    schemas = {schema for protocol in protocols for schema in protocol.edition.schemas.values()}
    for schema in {appprotocol.SCHEMA, xmldsig.SCHEMA, *schemas}:
        with contextlib.suppress(exi.ExiError):
            exi.decode(b"", schema)  # refused, but with the grammar in place


def _announce(server: Server, charger: Charger, tracer: Tracer, *, as_json: bool) -> None:
    """Print the ready line, and put it in the trace."""
    tls, plain = server.door(Security.TLS), server.door(Security.NONE)
    main = tls or plain
    assert main is not None
    interface = server.interface.name if server.interface else None
    facts = {
        "ready": True,
        "address": main.listener.address,
        "pid": os.getpid(),
        "security": main.security.name.lower(),
        "plain_address": plain.listener.address if tls and plain else None,
        "sdp": interface,
        "exi_engine": exi.engine_name(),
        "protocols": [protocol.key for protocol in server.protocols()],
    }
    tracer.event(
        "process.ready",
        pid=facts["pid"],
        version=version("pnclab"),
        exi_engine=facts["exi_engine"],
        address=facts["address"],
    )
    print(msgspec.json.encode(facts).decode() if as_json else _sentence(facts, charger), flush=True)


def _sentence(facts: Mapping[str, Any], charger: Charger) -> str:
    words = [f"secc ready: {'TLS' if facts['security'] == 'tls' else 'plain TCP'} on {facts['address']}"]
    if facts["plain_address"]:
        words.append(f"plain TCP on {facts['plain_address']}")
    words.append(f"discovery on {facts['sdp']}" if facts["sdp"] else "no discovery")
    words.append(f"speaking {', '.join(facts['protocols'])}")
    if charger.installs:
        words.append(f"contracts from {charger.config.backend.url}")
    return ", ".join(words)
