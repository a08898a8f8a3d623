"""A car drives up: it finds the charger, connects, agrees on a protocol, and goes through the session.

Everything that touches the outside is passed in (network, clock, trace, capture), so the same code runs
over real sockets and in virtual time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evcc.config import Config
from evcc.context import Context, Paused
from evcc.contracts import ContractStore
from evcc.errors import (
    ChargerCertificateError,
    ContractStoreError,
    DowngradeError,
    NotOfferedError,
    ProtocolViolationError,
    ResponseTimeoutError,
)
from evcc.exchange import Exchange
from evcc.exit_codes import ExitCode
from evcc.protocols import Protocol
from evcc.report import Outcome, Report
from evcc.vehicle import Vehicle
from pki import profiles
from pki.chain import parse, validate
from pki.errors import CertificateError
from v2g.capture import Capture
from v2g.endpoint import Endpoint
from v2g.errors import V2GError
from v2g.messages import appprotocol
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

TLS13 = "TLSv1.3"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a car brings to a charger.

    ``stores`` are the contract stores by the names that ``protocols`` call them; those protocols are offered
    in their order. ``tls`` is used where TLS is asked for, or where the charger insists on it.
    ``stopping`` is set when the driver wants to leave: charging then ends in order.
    """

    network: Network
    clock: Clock
    tracer: Tracer
    vehicle: Vehicle
    stores: Mapping[str, ContractStore]
    protocols: Sequence[Protocol]
    config: Config
    tls: ClientTls
    stopping: asyncio.Event
    capture: Capture | None = None


async def drive_up(visit: Visit, report: Report) -> None:
    """Go through one session and write down in ``report`` how it went.

    What charger, network or contract store do wrong ends in the report; only defects of this program and
    cancellation are raised.
    """
    clock, started = visit.clock, visit.clock.monotonic()
    try:
        paused = await _visit(visit, report, None)
        while paused is not None:
            report.pauses += 1
            await _rest(visit)
            paused = await _visit(visit, report, paused)
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


async def _rest(visit: Visit) -> None:
    """Let the time of a pause pass; a driver who comes back ends it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(visit.config.charging.pause_s):
            await visit.stopping.wait()


async def _visit(visit: Visit, report: Report, resumed: Paused | None) -> Paused | None:
    """Go through one connection; return the session if it was paused, to be resumed by the next one."""
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
            protocol = await _negotiate(exchange, _speakable(visit, stream, resumed))
            report.protocol = protocol.edition.key
            visit.tracer.event("protocol.chosen", protocol=report.protocol, name=protocol.edition.name)
            if resumed is not None and resumed.protocol != protocol.edition.key:
                resumed = None  # the charger speaks another protocol by now: there is nothing to resume
            exchange.speak(protocol.edition, None if resumed is None else resumed.session_id)
            paused = await protocol.run(
                Context(
                    exchange=exchange,
                    vehicle=visit.vehicle,
                    store=visit.stores[protocol.store],
                    config=visit.config,
                    clock=clock,
                    tracer=visit.tracer,
                    report=report,
                    stopping=visit.stopping,
                    resumed=resumed,
                )
            )
        finally:
            report.messages += exchange.messages
        reason = "the session has ended" if paused is None else "the session is paused"
    except V2GError as error:
        reason = str(error)
        raise
    finally:
        report.durations.session_s = clock.monotonic() - connecting_at + (report.durations.session_s or 0.0)
        if channel is not None:
            await channel.close(reason)
        else:
            visit.tracer.event("tcp.closed", reason=reason, by="us")
            await stream.close()
    return paused


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
    """Run the TLS handshake and look at the charger's certificate as ISO 15118 wants it [V2G2-067].

    With TLS 1.3 that is done during the handshake, where the charger also judges the car's.
    """
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
    if secured.tls.version == TLS13:
        return secured
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


def _speakable(visit: Visit, stream: Stream, resumed: Paused | None) -> list[Protocol]:
    """Return the protocols that may be spoken over this connection: -20 never below TLS 1.3, DIN without TLS.

    A paused session is resumed in its own protocol.
    """
    version = stream.tls.version if stream.tls is not None else "a plain connection"
    spoken = [
        protocol
        for protocol in visit.protocols
        if (version == TLS13 or not protocol.tls13) and (stream.tls is None or not protocol.plain)
    ]
    if not spoken:
        wanted = "a plain connection" if visit.protocols[0].plain else f"{TLS13}, which ISO 15118-20 needs"
        raise NotOfferedError(wanted, version)
    if resumed is None:
        return spoken
    return [protocol for protocol in spoken if protocol.edition.key == resumed.protocol] or spoken


async def _negotiate(exchange: Exchange, spoken: Sequence[Protocol]) -> Protocol:
    """Agree on a protocol [V2G2-170 ff.]; the charger chooses among those that the car names."""
    request = appprotocol.SupportedAppProtocolReq(
        app_protocol=[
            AppProtocol(
                protocol_namespace=protocol.edition.namespace,
                version_number_major=protocol.edition.major,
                version_number_minor=protocol.edition.minor,
                schema_id=number,
                priority=number,
            )
            for number, protocol in enumerate(spoken, start=1)
        ]
    )
    response = await exchange.negotiate(request)
    chosen = response.schema_id
    if chosen is None or not 1 <= chosen <= len(spoken):
        reason = f"it chooses SchemaID {chosen}, which the car did not name"
        raise ProtocolViolationError("SupportedAppProtocolRes", reason)
    return spoken[chosen - 1]


@asynccontextmanager
async def _setup_timer(visit: Visit, setup: Deadline, missing: str) -> AsyncIterator[None]:
    """Bound a step before the first message by the communication set-up timer."""
    try:
        async with asyncio.timeout(setup.remaining(visit.clock.monotonic())):
            yield
    except TimeoutError:
        visit.tracer.event("timer.expired", name=setup.name, limit_s=setup.limit_s)
        raise ResponseTimeoutError(setup.name, setup.limit_s, missing) from None
