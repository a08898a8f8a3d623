"""What arrives from a peer before it is known to be a peer: frames, SDP, a connection's stream, identifiers."""

from collections.abc import Iterable, Iterator
from typing import Any

from exi.errors import ExiError
from tests.exi.vectors import VECTORS, vector
from tests.fuzz.target import Features, Target, demand, kind_of, value_features
from v2g.connection import (
    ConnectionBroken,
    Event,
    FrameIgnored,
    FrameReceived,
    V2GConnection,
    message_name,
    response_code,
)
from v2g.errors import FramingError, MessageError
from v2g.identifiers import Emaid, Evccid, Evseid, IdentifierError, Pcid
from v2g.messages import appprotocol, din, iso2
from v2g.sdp import SdpRequest, SdpResponse, Security
from v2g.v2gtp import HEADER_LENGTH, Frame, FrameDecoder, PayloadType, RejectedFrame, encode_frame

LIMIT = 3000
PLAN = 4
"""The first bytes of a stream's input say in which pieces it arrives."""


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut a stream into pieces of the lengths that its first bytes name, over and over."""
    lengths, stream = data[:PLAN] or b"\0", data[PLAN:]
    start = number = 0
    while start < len(stream):
        length = lengths[number % len(lengths)] + 1
        yield stream[start : start + length]
        start += length
        number += 1


def facts(event: Frame | RejectedFrame) -> tuple[Any, ...]:
    """Return an event such that equal ones compare equal."""
    if isinstance(event, Frame):
        return (event.payload_type, event.payload)
    return (event.error.reason, event.error.field, event.header, event.fatal)


def run_v2gtp(data: bytes) -> Features:
    """Any chunking gives the same events, and nothing above its limit is held."""
    limits = {int(PayloadType.SDP_RESPONSE): 20}
    stream = data[PLAN:]
    whole = FrameDecoder(LIMIT, limits)
    events = whole.feed(stream)
    chunked = FrameDecoder(LIMIT, limits)
    found: list[Frame | RejectedFrame] = []
    for piece in pieces(data):
        found += chunked.feed(piece)
        demand(len(chunked._buffer) <= LIMIT, "no more than a frame is held", len(chunked._buffer))
    demand([*map(facts, found)] == [*map(facts, events)], "any chunking gives the same events", found, events)
    demand((whole.broken, whole.missing) == (chunked.broken, chunked.missing), "and the same state", whole)
    position = 0
    for event in events:
        demand(not (position and position > len(stream)), "events stay inside the stream", position)
        if isinstance(event, Frame):
            frame = encode_frame(event.payload_type, event.payload)
            demand(stream.startswith(frame, position), "a frame is what arrived", event)
            demand(len(event.payload) <= limits.get(event.payload_type, LIMIT), "limits hold", event)
            position += len(frame)
        else:
            demand(stream.startswith(event.header, position), "a header is what arrived", event)
            position += HEADER_LENGTH + event.announced_length
            demand(event.fatal is False or event is events[-1], "nothing follows a broken stream", events)
    return {_event_kind(event) for event in events} | {f"missing {min(whole.missing, 2)}"}


def _event_kind(event: Frame | RejectedFrame) -> str:
    if isinstance(event, Frame):
        return f"frame {event.payload_type.name}"
    return f"{event.error.field}: {kind_of(event.error.reason)} {event.fatal}"


def run_sdp(data: bytes) -> Features:
    """A datagram is a request, a response, or a FramingError; what is accepted is written the same."""
    found: Features = set()
    for kind in (SdpRequest, SdpResponse):
        try:
            message = kind.decode(data)
        except FramingError as error:
            reason = "" if error.field == "address" else kind_of(error.reason)
            found.add(f"{kind.__name__} {error.field}: {reason}")
            continue
        demand(message.encode() == data, "what was read is written the same", message)
        found.add(f"{kind.__name__} {message.security.name}")
        if isinstance(message, SdpResponse):
            demand("%" not in message.host("lo") or message.address.is_link_local, "zone", message)
            found.add(f"link-local {message.address.is_link_local}")
    return found


def run_connection(data: bytes) -> Features:
    """Negotiate, then decode what follows by the schema that was chosen; only documented errors come out."""
    connection = V2GConnection(LIMIT)
    found: Features = set()
    for number, piece in enumerate(pieces(data)):
        for event in connection.receive_data(piece, float(number)):
            found |= _handle(connection, event, float(number))
    demand(connection.missing <= LIMIT, "the limit holds", connection.missing)
    return found


def _handle(connection: V2GConnection, event: Event, now: float) -> Features:
    if isinstance(event, FrameIgnored | ConnectionBroken):
        demand(event.at == now, "an event is as old as its data", event)
        return {f"{type(event).__name__} {event.error.field}"}
    demand(event.began_at <= event.arrived_at == now, "a frame begins before it ends", event)
    try:
        message = connection.decode(event.frame)
    except FramingError as error:
        return {f"not in use: {event.frame.payload_type.name} {error.field}"}
    except MessageError as error:
        demand(error.payload == event.frame.payload, "the error keeps the payload", error)
        demand(isinstance(error.__cause__, ExiError), "the codec says why", error)
        return {f"{error.path}: {kind_of(error.reason)}"}
    schema = connection.schemas[event.frame.payload_type]
    again = connection.encode(message, schema, event.frame.payload_type)
    other = V2GConnection(LIMIT)
    other.use(dict(connection.schemas))
    (echo,) = other.receive_data(again.frame, now)
    demand(
        isinstance(echo, FrameReceived) and other.decode(echo.frame) == message, "a frame carries it", echo
    )
    if isinstance(message, appprotocol.SupportedAppProtocolReq):
        namespaces = {protocol.protocol_namespace for protocol in message.app_protocol}
        chosen = [schema for schema in (iso2.SCHEMA, din.SCHEMA) if schema.namespace in namespaces]
        if chosen:
            connection.use(chosen[0])
    return {f"{message_name(message)} {response_code(message)}"} | value_features(message)


def run_identifiers(data: bytes) -> Features:
    """An identifier is read, or refused by its own error; written, it is read again as the same."""
    text = data.decode("utf-8", "surrogateescape")
    found: Features = set()
    for kind in (Emaid, Pcid, Evccid, Evseid):
        try:
            identifier = kind.parse(text)
        except IdentifierError as error:
            demand(error.reason, "the error says why", error)
            found.add(f"{kind.__name__}: {kind_of(error.reason)[:12]}")
        else:
            demand(kind.parse(str(identifier)) == identifier, "it is read again", text, identifier)
            found.add(f"{kind.__name__} {len(str(identifier))}")
    return found


def frame_seeds() -> Iterable[bytes]:
    """Yield streams of frames, whole and damaged."""
    request = SdpRequest(Security.TLS).encode()
    frames = [encode_frame(kind, bytes(range(1, 21))) for kind in PayloadType]
    yield b"\x00\x01\x07\xff" + b"".join(frames)
    yield b"\x03\x03\x03\x03" + request + frames[0]
    for at, wrong in ((0, 2), (1, 1), (2, 0x70), (7, 0), (5, 9)):
        damaged = bytearray(frames[0])
        damaged[at] = wrong
        yield b"\x02\x05\x09\x01" + bytes(damaged) + frames[1]


def sdp_seeds() -> Iterable[bytes]:
    """Yield datagrams of both kinds."""
    for security in Security:
        yield SdpRequest(security).encode()
        for start in ("fe80", "2001"):
            address = bytes.fromhex(start) + bytes(13) + b"\x07"
            payload = address + (61000).to_bytes(2, "big") + bytes([security, 0])
            yield encode_frame(PayloadType.SDP_RESPONSE, payload)


def connection_seeds() -> Iterable[bytes]:
    """Yield conversations: a negotiation, then one message."""
    hello = encode_frame(PayloadType.EXI, vector("sap_req_din_iso2").exi)
    for found in VECTORS:
        if found.kind == "document" and found.schema in {iso2.SCHEMA.namespace, din.SCHEMA.namespace}:
            yield b"\xff\x10\x80\x03" + hello + encode_frame(PayloadType.EXI, found.exi)
        elif found.schema == appprotocol.SCHEMA.namespace:
            yield b"\x07\x00\x20\xff" + encode_frame(PayloadType.EXI, found.exi)


def identifier_seeds() -> Iterable[bytes]:
    """Yield identifiers of each kind."""
    for text in (
        "DE-8EW-1234A5678-5",
        "DE83DUIEN83QGZD",
        "HUBOpenProvCert001",
        "WMIKAT0123456789AB",
        "02:00:5e:10:00:01",
        "3f0a71c25bd4",
        "DE*ICE*E45B*78C",
        "+49*123*456*789",
        "FRA23E45B78C",
    ):
        yield text.encode()


TARGETS = [
    Target("v2gtp", "V2GTP frames in any pieces", run_v2gtp, frame_seeds, 400),
    Target("sdp", "SDP datagrams", run_sdp, sdp_seeds, 64),
    Target("connection", "a stream that negotiates and talks", run_connection, connection_seeds, 3000),
    Target("identifiers", "eMAID, PCID, EVCCID, EVSEID", run_identifiers, identifier_seeds, 64),
]
