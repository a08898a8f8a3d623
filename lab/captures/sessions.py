"""From the items of a capture file to the events of the V2G sessions in it.

A TCP connection is a V2G session if V2GTP is spoken on it, openly or inside TLS that can be opened, or if an SDP
response in the capture names its address. TLS that stays closed and that no SDP response names may be anything: such
connections are counted and named, not shown as sessions.

Events come as the packets do, those of several sessions mixed; ``connection`` and ``process`` (the car's address)
tell them apart. What is held is bounded by the connections that are open at a time.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from lab.captures import tls
from lab.captures.checks import Anchors, Checker
from lab.captures.dialogue import Dialogue, is_v2gtp
from lab.captures.files import Item, Packet, Remark, Secrets
from lab.captures.keylog import KeyRing
from lab.captures.link import LINK_TYPES, Datagram, FragmentedError, Segment, dissect
from lab.captures.tcp import Closed, Data, Missing, Opened, Reassembler, TcpEvent
from lab.captures.telling import Teller
from lab.trace_file import Event
from pki.chain import parse
from pki.errors import CertificateError
from v2g.errors import FramingError
from v2g.sdp import PORT, SdpRequest, SdpResponse

CARS_LIMIT = 4096
"""So many cars' discoveries and chargers' addresses are remembered at a time."""
_DISCOVERIES = 64
_CLASSIFIED_AFTER = 6
_STRANGERS_NAMED = 8


_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(slots=True)
class Summary:
    """What was found.

    ``sessions``      V2G connections, ``locked`` of which could not be decrypted
    ``messages``      messages decoded, ``undecoded`` frames that could not be, and losses
    ``rejected``      signatures and chains that did not hold
    ``strangers``     TLS connections that stayed closed and may be anything: their addresses, and why
    ``remarks``       about the file
    """

    packets: int = 0
    sessions: int = 0
    locked: int = 0
    messages: int = 0
    undecoded: int = 0
    rejected: int = 0
    strangers: list[str] = field(default_factory=list)
    strangers_count: int = 0
    remarks: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether everything of every session could be read, and held."""
        return not (self.locked or self.undecoded or self.rejected)


@dataclass(slots=True)
class _Talk:
    """One TCP connection and what is known of it."""

    opened: Opened
    tell: Teller
    checker: Checker
    waiting: list[Event]
    named: bool
    """An SDP response named its address."""
    sides: list[bytearray] = field(default_factory=lambda: [bytearray(), bytearray()])
    reader: tls.TlsReader | None = None
    swapped: bool = False
    """Side 1 is the client: the capture began in the middle."""
    chosen: tls.Chosen | None = None
    subject: str | None = None
    presented: tuple[bytes, ...] = ()
    began_at: float = 0.0
    established_at: float | None = None
    locked: tls.Locked | None = None
    dialogue: Dialogue | None = None
    foreign: bool = False
    """It is something else than V2G."""


class Decoder:
    """Decodes the items of one capture; :attr:`summary` is complete after :meth:`end`."""

    def __init__(self, keys: KeyRing, anchors: Anchors) -> None:
        self.summary = Summary()
        self._keys, self._anchors = keys, anchors
        self._tcp = Reassembler()
        self._talks: dict[int, _Talk] = {}
        self._discoveries: OrderedDict[str, deque[Event]] = OrderedDict()
        self._chargers: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._unknown: Counter[str] = Counter()

    def run(self, items: Iterable[Item]) -> Iterator[Event]:
        """Decode everything; raises what ``items`` raises."""
        for item in items:
            yield from self.feed(item)
        yield from self.end()

    def feed(self, item: Item) -> Iterator[Event]:
        """Take the next item of the file."""
        if isinstance(item, Secrets):
            self._keys.add(item.lines)
        elif isinstance(item, Remark):
            self.summary.remarks.append(item.text)
        else:
            self.summary.packets += 1
            yield from self._packet(item)

    def end(self) -> Iterator[Event]:
        """Finish what is open, because the capture ends."""
        for event in self._tcp.end():
            yield from self._tcp_event(event)
        for waiting in self._discoveries.values():
            yield from waiting
        self._discoveries.clear()
        for what, count in self._unknown.items():
            self.summary.remarks.append(f"{what}: {count} packets not looked at")
        self._unknown.clear()
        if unreadable := self._keys.unreadable:
            self.summary.remarks.append(f"{unreadable} lines of the key log are none")

    def _packet(self, packet: Packet) -> Iterator[Event]:
        if packet.link_type not in LINK_TYPES:
            self._unknown[f"link type {packet.link_type} is not known"] += 1
            return
        try:
            found = dissect(packet.link_type, packet.data)
        except FragmentedError:
            self._unknown["IP fragments are not put together"] += 1
            return
        if isinstance(found, Segment):
            for event in self._tcp.feed(found, packet.t):
                yield from self._tcp_event(event)
        elif isinstance(found, Datagram) and PORT in {found.source.port, found.destination.port}:
            self._discovery(found, packet.t)

    # --- discovery --------------------------------------------------------------------------------

    def _discovery(self, datagram: Datagram, t: float) -> None:
        """Keep an SDP datagram until the car connects."""
        is_request = datagram.destination.port == PORT
        car = datagram.source.host if is_request else datagram.destination.host
        tell, size = Teller(car), len(datagram.payload)
        try:
            if is_request:
                request = SdpRequest.decode(datagram.payload)
                event = tell(
                    t,
                    "sdp.sent",
                    message="SDPRequest",
                    address=str(datagram.destination),
                    security=request.security.name,
                    bytes=size,
                )
            else:
                response = SdpResponse.decode(datagram.payload)
                event = tell(
                    t,
                    "sdp.received",
                    message="SDPResponse",
                    address=str(response.address),
                    port=response.port,
                    security=response.security.name,
                    bytes=size,
                )
                _remember(self._chargers, (str(response.address), response.port), None)
        except FramingError as error:
            self.summary.undecoded += 1
            event = tell(t, "message.rejected", reason=str(error), field=error.field, bytes=size)
        known = self._discoveries.pop(car, None)
        _remember(self._discoveries, car, deque(maxlen=_DISCOVERIES) if known is None else known)
        self._discoveries[car].append(event)

    def _found(self, car: str, process: str, connection: int) -> list[Event]:
        """Return the discovery of a car that connects now, as part of that session."""
        return [
            Event(event.t, event.role, event.kind, connection, None, process, event.fields)
            for event in self._discoveries.pop(car, ())
        ]

    # --- connections ------------------------------------------------------------------------------

    def _tcp_event(self, event: TcpEvent) -> Iterator[Event]:
        if isinstance(event, Opened):
            self._talks[event.connection] = self._talk(event)
            return
        talk = self._talks[event.connection]
        if isinstance(event, Data):
            yield from self._data(talk, event)
        elif isinstance(event, Missing):
            yield from self._missing(talk, event)
        else:
            yield from self._closed(talk, event)
            del self._talks[event.connection]

    def _talk(self, opened: Opened) -> _Talk:
        named = [(end.host, end.port) in self._chargers for end in opened.ends]
        swapped = not opened.begun and named[0] and not named[1]
        car = opened.ends[1 if swapped else 0]
        tell = Teller(str(car), opened.connection)
        return _Talk(opened, tell, Checker(self._anchors), [], any(named), swapped=swapped)

    def _data(self, talk: _Talk, event: Data) -> Iterator[Event]:
        if talk.foreign:
            return
        if talk.reader is not None:
            yield from self._tls_data(talk, event)
        elif talk.dialogue is not None:
            yield from talk.dialogue.feed(event.side, event.data, event.t)
        else:
            yield from self._classify(talk, event)

    def _classify(self, talk: _Talk, event: Data) -> Iterator[Event]:
        """Find out what is spoken, from the first bytes of a side."""
        begun = talk.sides[event.side]
        begun += event.data
        if len(begun) < _CLASSIFIED_AFTER:
            return
        data = bytes(begun)
        begun.clear()
        if is_v2gtp(data):
            dialogue = yield from self._is_v2g(talk, event.t)
            for side in (event.side, 1 - event.side):
                early = bytes(talk.sides[side]) if side != event.side else data
                yield from dialogue.feed(side, early, event.t)
        elif 20 <= data[0] <= 23 and data[1] == 3:
            if not talk.opened.begun and data[0] == 22:
                talk.swapped = (data[5] == 2) == (event.side == 0)
            talk.reader, talk.began_at = tls.TlsReader(self._keys), event.t
            yield from self._tls_data(talk, Data(event.connection, event.side, data, event.t))
        else:
            talk.foreign = True

    def _is_v2g(self, talk: _Talk, t: float) -> Generator[Event, None, Dialogue]:
        """Begin a session: tell what is known of the connection so far."""
        car: int | None = 1 if talk.swapped else 0
        if not (talk.opened.begun or talk.named or talk.reader is not None):
            car = None
        dialogue = talk.dialogue = Dialogue(talk.tell, talk.checker, car)
        self.summary.sessions += 1
        yield from self._connected(talk)
        if talk.chosen is not None:
            t = t if talk.established_at is None else talk.established_at
            yield talk.tell(
                t,
                "tls.established",
                version=talk.chosen.version,
                cipher=talk.chosen.cipher,
                elapsed_s=t - talk.began_at,
                peer_subject=talk.subject,
            )
            if talk.presented:
                yield from talk.checker.server(talk.tell, talk.presented, talk.chosen.version, t)
        return dialogue

    def _connected(self, talk: _Talk) -> Iterator[Event]:
        opened = talk.opened
        car, charger = reversed(opened.ends) if talk.swapped else opened.ends
        yield from self._found(car.host, talk.tell.process, opened.connection)
        yield talk.tell(opened.t, "tcp.connected", local=str(car), peer=str(charger))
        if not opened.begun:
            self.summary.remarks.append(f"the beginning of the connection from {car} is not in the capture")

    # --- TLS --------------------------------------------------------------------------------------

    def _tls_data(self, talk: _Talk, event: Data) -> Iterator[Event]:
        assert talk.reader is not None
        for found in talk.reader.feed(event.side ^ talk.swapped, event.data):
            yield from self._tls_event(talk, found, event.t)

    def _tls_event(self, talk: _Talk, found: tls.TlsEvent, t: float) -> Iterator[Event]:
        if isinstance(found, tls.Chosen):
            talk.chosen = found
        elif isinstance(found, tls.Presented):
            if found.side == tls.SERVER:
                talk.presented, talk.subject = found.chain, _subject(found.chain[0])
        elif isinstance(found, tls.Established):
            talk.established_at = t
        elif isinstance(found, tls.Plaintext):
            yield from self._plaintext(talk, found, t)
        elif isinstance(found, tls.Alert):
            if found.fatal and talk.dialogue is None and not talk.foreign:
                who = "car" if found.side == tls.CLIENT else "charger"
                talk.locked = tls.Locked(f"the {who} ended the handshake: {found.name}")
        else:
            talk.locked = found
            if talk.dialogue is not None:
                self.summary.locked += 1
                yield talk.tell(t, "error", type="TlsError", detail=found.reason)

    def _plaintext(self, talk: _Talk, found: tls.Plaintext, t: float) -> Iterator[Event]:
        side = found.side ^ talk.swapped
        if talk.foreign:
            return
        if talk.dialogue is None:
            begun = talk.sides[side]
            begun += found.data
            if len(begun) < _CLASSIFIED_AFTER:
                return
            data = bytes(begun)
            begun.clear()
            if not is_v2gtp(data):
                talk.foreign = True
                return
            dialogue = yield from self._is_v2g(talk, t)
            yield from dialogue.feed(side, data, t)
        else:
            yield from talk.dialogue.feed(side, found.data, t)

    # --- ends -------------------------------------------------------------------------------------

    def _missing(self, talk: _Talk, event: Missing) -> Iterator[Event]:
        if talk.foreign:
            return
        if talk.reader is not None:
            for found in talk.reader.lost(event.side ^ talk.swapped, event.length):
                yield from self._tls_event(talk, found, event.t)
        elif talk.dialogue is not None:
            yield from talk.dialogue.lost(event.side, event.length, event.t)

    def _closed(self, talk: _Talk, event: Closed) -> Iterator[Event]:
        if talk.foreign:
            return
        if talk.dialogue is None:
            if talk.reader is not None:
                yield from self._stayed_closed(talk, event)
            return
        yield from talk.dialogue.closed(event.side, event.t, reset=event.reset)
        self.summary.messages += talk.dialogue.decoded
        self.summary.undecoded += talk.dialogue.failed
        self.summary.rejected += talk.checker.failed

    def _stayed_closed(self, talk: _Talk, event: Closed) -> Iterator[Event]:
        """Tell about TLS in which no message could be read."""
        reason = "the TLS connection ends before its first message"
        if talk.locked is not None:
            reason = talk.locked.reason
        if not talk.named:
            self.summary.strangers_count += 1
            if len(self.summary.strangers) < _STRANGERS_NAMED:
                car, charger = talk.opened.ends
                self.summary.strangers.append(f"{car} to {charger}: {reason}")
            return
        self.summary.sessions += 1
        self.summary.locked += 1
        yield from self._connected(talk)
        if talk.chosen is not None:
            cipher = f"{talk.chosen.version} {talk.chosen.cipher}"
            yield talk.tell(event.t, "tls.failed", reason=f"{reason} ({cipher})")
        else:
            yield talk.tell(event.t, "tls.failed", reason=reason)
        yield talk.tell(event.t, "session.ended", outcome="aborted", reason=reason, protocol=None)


def _remember(memory: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > CARS_LIMIT:
        memory.popitem(last=False)


def _subject(leaf: bytes) -> str | None:
    try:
        return parse(leaf).subject.rfc4514_string()
    except CertificateError:
        return None
