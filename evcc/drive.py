"""A car drives up: it finds the charger, connects, agrees on a protocol, and goes through the session.

Everything that touches the outside is passed in (network, clock, trace, capture), so the same code runs
over real sockets and in virtual time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evcc.config import Config
from evcc.contracts import ContractStore
from evcc.errors import (
    ChargerCertificateError,
    ContractStoreError,
    DowngradeError,
    ProtocolViolationError,
    ResponseTimeoutError,
)
from evcc.exchange import Exchange
from evcc.exit_codes import ExitCode
from evcc.iso2.session import Session
from evcc.report import Outcome, Report
from evcc.vehicle import Vehicle
from exi.schema import MessageSet
from pki import profiles
from pki.chain import parse, validate
from pki.errors import CertificateError
from v2g.capture import Capture
from v2g.endpoint import Endpoint
from v2g.errors import V2GError
from v2g.messages import appprotocol, iso2
from v2g.messages.appprotocol import AppProtocol
from v2g.net.channel import MessageChannel
from v2g.net.clock import Clock
from v2g.net.network import Network
from v2g.net.sdp import discover
from v2g.net.stream import Stream
from v2g.net.tap import TappedStream
from v2g.net.tls import HANDSHAKE_TIMEOUT_S, ClientTls, client_tls
from v2g.sdp import Security
from v2g.timing import ISO2, Deadline
from v2g.trace import Tracer


@dataclass(frozen=True, slots=True)
class Visit:
    """What a car brings to a charger.

    ``tls`` is used where TLS is asked for, or where the charger insists on it. ``stopping`` is set when the driver wants to leave: charging then ends in order.
    """

    network: Network
    clock: Clock
    tracer: Tracer
    vehicle: Vehicle
    store: ContractStore
    config: Config
    tls: ClientTls
    stopping: asyncio.Event
    capture: Capture | None = None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol that the car speaks: how it is announced, its messages, and its session."""

    namespace: str
    major: int
    minor: int
    schema: MessageSet
    run: Callable[[Visit, Exchange, Tracer, Report], Awaitable[None]]


async def _iso2(visit: Visit, exchange: Exchange, tracer: Tracer, report: Report) -> None:
    session = Session(
        exchange=exchange,
        vehicle=visit.vehicle,
        store=visit.store,
        config=visit.config,
        clock=visit.clock,
        tracer=tracer,
        report=report,
        stopping=visit.stopping,
    )
    await session.run()


PROTOCOLS = (Protocol(iso2.NAMESPACE, 2, 0, iso2.SCHEMA, _iso2),)
"""Those that the car likes best come first; SchemaIDs count from 1."""


async def drive_up(visit: Visit, report: Report) -> None:
    """Go through one session and write down in ``report`` how it went.

    What charger, network or contract store do wrong ends in the report; only defects of this program and
    cancellation are raised.
    """
    clock, started = visit.clock, visit.clock.monotonic()
    try:
        await _visit(visit, report)
        report.succeed()
    except (V2GError, ContractStoreError) as error:
        report.fail(error)
        tracer = visit.tracer.bind(session=report.session_id)
        tracer.event("error", type=type(error).__name__, detail=str(error), place=report.reason)
    except asyncio.CancelledError:
        report.outcome, report.exit_code = Outcome.ABORTED, ExitCode.INTERRUPTED
        report.reason, report.detail = "interrupted", "the session was broken off from our side"
        raise
    finally:
        report.durations.total_s = clock.monotonic() - started
        visit.tracer.bind(session=report.session_id).event(
            "session.ended",
            outcome=report.outcome,
            reason=report.reason or None,
            contract_installed=report.contract_installed,
            energy_wh=report.energy_wh,
        )


async def _visit(visit: Visit, report: Report) -> None:
    clock = visit.clock
    seconds = visit.config.timers.communication_setup_s
    setup = Deadline.after(seconds, clock.monotonic(), ISO2.evcc_communication_setup_timeout.name)
    charger, tls = await _find(visit, report, setup)
    report.charger = str(charger)
    connecting_at = clock.monotonic()
    stream = await _connect(visit, charger, report, setup)
    channel: MessageChannel | None = None
    reason = "the session was broken off"
    try:
        if tls:
            stream = await _secure(visit, stream, report, setup)
        channel = MessageChannel(stream, visit.tracer, clock, initiator=True)
        exchange = Exchange(channel, clock, visit.config, setup)
        try:
            protocol = await _negotiate(exchange)
            channel.use(protocol.schema)
            await protocol.run(visit, exchange, visit.tracer, report)
        finally:
            report.messages = exchange.messages
        reason = "the session has ended"
    except V2GError as error:
        reason = str(error)
        raise
    finally:
        report.durations.session_s = clock.monotonic() - connecting_at
        if channel is not None:
            await channel.close(reason)
        else:
            visit.tracer.event("tcp.closed", reason=reason, by="us")
            await stream.close()


async def _find(visit: Visit, report: Report, setup: Deadline) -> tuple[Endpoint, bool]:
    """Return where the charger listens, and whether with TLS [V2G2-139 ff.].

    A charger that offers more security than was asked for gets its way; one that offers less does not.
    """
    asked = visit.config.tls
    if visit.config.connect is not None:
        return visit.config.connect, asked
    interface = visit.network.interface(visit.config.interface).name
    started = visit.clock.monotonic()
    async with _setup_timer(visit, setup, "SDPResponse"):
        response = await discover(
            visit.network,
            interface,
            Security.TLS if asked else Security.NONE,
            tracer=visit.tracer,
            clock=visit.clock,
            capture=visit.capture,
        )
    report.durations.discovery_s = visit.clock.monotonic() - started
    if asked and response.security is not Security.TLS:
        raise DowngradeError("the charger offers a plain connection only, the car asked for TLS")
    return Endpoint(response.host(interface), response.port), response.security is Security.TLS


async def _connect(visit: Visit, charger: Endpoint, report: Report, setup: Deadline) -> Stream:
    """Open the TCP connection; with a capture, everything on it is recorded."""
    clock, started = visit.clock, visit.clock.monotonic()
    async with _setup_timer(visit, setup, "TCP connection"):
        stream = await visit.network.connect(charger.host, charger.port)
    report.durations.connect_s = clock.monotonic() - started
    visit.tracer.event(
        "tcp.connected", local=stream.local, peer=stream.peer, elapsed_s=report.durations.connect_s
    )
    if visit.capture is None:
        return stream
    return TappedStream(stream, visit.capture, clock, outgoing=True, comment=f"car {visit.vehicle.pcid}")


async def _secure(visit: Visit, stream: Stream, report: Report, setup: Deadline) -> Stream:
    """Run the TLS handshake and look at the charger's certificate as ISO 15118 wants it [V2G2-067]."""
    clock = visit.clock
    remaining_s = setup.remaining(clock.monotonic())
    secured = await client_tls(
        stream,
        visit.tls,
        handshake_timeout_s=min(HANDSHAKE_TIMEOUT_S, remaining_s),
        clock=clock,
        tracer=visit.tracer,
    )
    report.durations.tls_s = secured.tls.elapsed_s
    try:
        leaf, *above = [parse(der) for der in secured.tls.peer_chain]
        if above and above[-1].issuer == above[-1].subject:
            above.pop()  # a root on the wire is superfluous, and trusted by nobody for being there
        validate(leaf, above, visit.vehicle.v2g_roots, at=clock.now(), profile=profiles.SECC_LEAF)
    except CertificateError as error:
        visit.tracer.event(
            "certificate.rejected", rule=error.rule, subject=error.subject, detail=error.detail
        )
        await secured.close()
        raise ChargerCertificateError(error.rule, error.subject, error.detail) from error
    return secured


async def _negotiate(exchange: Exchange) -> Protocol:
    """Agree on a protocol [V2G2-170 ff.]; the charger chooses among those that the car names."""
    request = appprotocol.SupportedAppProtocolReq(
        app_protocol=[
            AppProtocol(
                protocol_namespace=protocol.namespace,
                version_number_major=protocol.major,
                version_number_minor=protocol.minor,
                schema_id=number,
                priority=number,
            )
            for number, protocol in enumerate(PROTOCOLS, start=1)
        ]
    )
    response = await exchange.negotiate(request)
    chosen = response.schema_id
    if chosen is None or not 1 <= chosen <= len(PROTOCOLS):
        reason = f"it chooses SchemaID {chosen}, which the car did not name"
        raise ProtocolViolationError("SupportedAppProtocolRes", reason)
    return PROTOCOLS[chosen - 1]


@asynccontextmanager
async def _setup_timer(visit: Visit, setup: Deadline, missing: str) -> AsyncIterator[None]:
    """Bound a step before the first message by the communication set-up timer."""
    try:
        async with asyncio.timeout(setup.remaining(visit.clock.monotonic())):
            yield
    except TimeoutError:
        visit.tracer.event("timer.expired", name=setup.name, limit_s=setup.limit_s)
        raise ResponseTimeoutError(setup.name, setup.limit_s, missing) from None
