"""Faults of a byte stream that live in a link: small structs, registered by name in :data:`TOXICS`.

A toxic sits where a direction of a connection enters the link. It says when bytes pass on, and whether
the stream ends or breaks instead. Each is plain data, so a scenario file, a command line and a running proxy all
name it the same way; what it remembers of one direction lives in the effect that :meth:`Toxic.begin` makes.

There is no toxic that duplicates or reorders: TCP hands every byte over once and in order whatever the network did, so
on a stream neither can happen. Loss, too, is not one: the link's TCP turns it into delay.
"""

import enum
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any

import msgspec

from v2g.net.flow_parts import Scheduler, Timer
from v2g.net.link import Outage


class Signal(enum.Enum):
    """What a stream can carry besides bytes."""

    END = "end"
    RESET = "reset"


Item = bytes | Signal
Timed = tuple[float, Item]
"""Something that passes on at a time of the loop."""
Effect = Callable[[float, Item], Iterable[Timed]]
"""What a toxic makes of an item that reaches it at a time; times never go back."""


class Direction(enum.StrEnum):
    """Which way: ``up`` from the side that connected, ``down`` towards it."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"

    def includes(self, *, up: bool) -> bool:
        """Tell whether a direction is meant."""
        return self is Direction.BOTH or (self is Direction.UP) == up


class Toxic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """A fault of a stream in ``direction``; with ``connection``, of that one only (counted from 1)."""

    direction: Direction = Direction.BOTH
    connection: int | None = None

    def begin(self, random: Random, started: float) -> Effect:
        """Return the effect on one direction of a connection that began at ``started``."""
        raise NotImplementedError

    def concerns(self, connection: int, *, up: bool) -> bool:
        """Tell whether one direction of a connection is meant."""
        return self.direction.includes(up=up) and self.connection in {None, connection}


class Late(Toxic, frozen=True, kw_only=True, tag="late"):
    """Everything passes ``delay_s`` later, and up to ``spread_s`` more, drawn evenly for each piece."""

    delay_s: float
    spread_s: float = 0.0

    def __post_init__(self) -> None:
        if self.delay_s < 0 or self.spread_s < 0:
            raise ValueError("delay_s and spread_s must not be negative")

    def begin(self, random: Random, started: float) -> Effect:
        """Keep the order: what is drawn sooner waits for what came before it."""
        latest = started

        def effect(at: float, item: Item) -> Iterator[Timed]:
            nonlocal latest
            latest = max(latest, at + self.delay_s + self.spread_s * random.random())
            yield latest, item

        return effect


class Bandwidth(Toxic, frozen=True, kw_only=True, tag="bandwidth"):
    """Bytes pass at ``rate_bit_s`` on this connection, whatever the link could carry."""

    rate_bit_s: float

    def __post_init__(self) -> None:
        if not self.rate_bit_s > 0:
            raise ValueError("rate_bit_s must be greater than 0")

    def begin(self, random: Random, started: float) -> Effect:  # noqa: ARG002 - nothing is drawn
        """Pass pieces of at most a kilobyte, each when its last bit is through."""
        free_at = started

        def effect(at: float, item: Item) -> Iterator[Timed]:
            nonlocal free_at
            free_at = max(free_at, at)
            if isinstance(item, Signal):
                yield free_at, item
                return
            for piece in _pieces(item, 1024):
                free_at += len(piece) * 8 / self.rate_bit_s
                yield free_at, piece

        return effect


class Drip(Toxic, frozen=True, kw_only=True, tag="drip"):
    """``size`` bytes every ``every_s``: a sender that never stops and never gets done."""

    size: int = 1
    every_s: float = 1.0

    def __post_init__(self) -> None:
        if self.size < 1 or not self.every_s > 0:
            raise ValueError("size must be at least 1, and every_s greater than 0")

    def begin(self, random: Random, started: float) -> Effect:  # noqa: ARG002 - nothing is drawn
        """Pass the first piece at once."""
        free_at = started

        def effect(at: float, item: Item) -> Iterator[Timed]:
            nonlocal free_at
            if isinstance(item, Signal):
                yield max(at, free_at), item
                return
            for piece in _pieces(item, self.size):
                at = max(at, free_at)
                free_at = at + self.every_s
                yield at, piece

        return effect


class Pause(Toxic, frozen=True, kw_only=True, tag="outage"):
    """Nothing passes from ``start_s`` on for ``length_s``, counted from the connection's beginning; then all does.

    With ``every_s`` again and again. Unlike an outage of the link, what waits passes at once at the end: no
    retransmission has to find out that it is over.
    """

    start_s: float = 0.0
    length_s: float
    every_s: float | None = None

    def __post_init__(self) -> None:
        _ = self.window

    @property
    def window(self) -> Outage:
        """The window as the link model knows it."""
        return Outage(start_s=self.start_s, length_s=self.length_s, every_s=self.every_s)

    def begin(self, random: Random, started: float) -> Effect:  # noqa: ARG002 - nothing is drawn
        """Hold items of the window until its end."""
        window = self.window

        def effect(at: float, item: Item) -> Iterator[Timed]:
            elapsed = at - started
            if window.covers(elapsed):
                since = elapsed - window.start_s
                inside = since % window.every_s if window.every_s is not None else since
                at += window.length_s - inside
            yield at, item

        return effect


class _After(Toxic, frozen=True, kw_only=True):
    """What happens once ``after_bytes`` have passed in this direction."""

    after_bytes: int = 0

    def __post_init__(self) -> None:
        if self.after_bytes < 0:
            raise ValueError("after_bytes must not be negative")

    def _then(self, last: Signal | None) -> Effect:
        """Pass ``after_bytes`` bytes; then ``last``, and nothing more."""
        left = self.after_bytes
        over = False

        def effect(at: float, item: Item) -> Iterator[Timed]:
            nonlocal left, over
            if over:
                return
            if isinstance(item, Signal):
                # A silent side does not say either that it has ended.
                if left or last is not None or item is Signal.RESET:
                    yield at, item
                return
            if left:
                yield at, item[:left]
            left, over = max(0, left - len(item)), len(item) > left
            if over and last is not None:
                yield at, last

        return effect


class Reset(_After, frozen=True, kw_only=True, tag="reset"):
    """The connection is reset by the first byte after ``after_bytes``."""

    def begin(self, random: Random, started: float) -> Effect:  # noqa: ARG002 - nothing is drawn
        """Break the stream."""
        return self._then(Signal.RESET)


class Truncate(_After, frozen=True, kw_only=True, tag="truncate"):
    """The stream ends in order after ``after_bytes``, in the middle of whatever it was; the rest is swallowed."""

    def begin(self, random: Random, started: float) -> Effect:  # noqa: ARG002 - nothing is drawn
        """End the stream."""
        return self._then(Signal.END)


class Silence(_After, frozen=True, kw_only=True, tag="silence"):
    """After ``after_bytes`` nothing comes any more, not even an end; the connection stays."""

    def begin(self, random: Random, started: float) -> Effect:  # noqa: ARG002 - nothing is drawn
        """Swallow the rest, and the stream's end behind it."""
        return self._then(None)


AnyToxic = Late | Bandwidth | Drip | Pause | Reset | Truncate | Silence
TOXICS: Mapping[str, type[Any]] = MappingProxyType(
    {
        str(kind.__struct_config__.tag): kind
        for kind in (Late, Bandwidth, Drip, Pause, Reset, Truncate, Silence)
    }
)
"""Every fault that lives in a link, by the name that scenario files and commands use."""


class Gate:
    """Lets items of one direction pass when its effects say so.

    ``out`` is called with each item at its time. Items that are due at once pass at once.
    """

    def __init__(self, effects: Sequence[Effect], scheduler: Scheduler, out: Callable[[Item], None]) -> None:
        self._effects = tuple(effects)
        self._scheduler = scheduler
        self._out = out
        self._waiting: deque[Timed] = deque()
        self._timer: Timer | None = None
        self.held = 0
        """Bytes that wait here."""

    def feed(self, item: Item) -> None:
        """Take an item; it passes now, later, changed, or never."""
        items: Iterable[Timed] = [(self._scheduler.time(), item)]
        for effect in self._effects:
            items = [passed for at, one in items for passed in effect(at, one)]
        for at, one in items:
            # Effects that have been changed while something waits do not let it be overtaken.
            at = max(at, self._waiting[-1][0]) if self._waiting else at  # noqa: PLW2901 - the same item, later
            self._waiting.append((at, one))
            self.held += len(one) if isinstance(one, bytes) else 0
        self._pass()

    def replace(self, effects: Sequence[Effect]) -> None:
        """Change the effects; what waits keeps its time."""
        self._effects = tuple(effects)

    def close(self) -> None:
        """Let nothing pass any more."""
        self._waiting.clear()
        self.held = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pass(self) -> None:
        if self._timer is not None:
            return
        now = self._scheduler.time()
        while self._waiting and self._waiting[0][0] <= now + 1e-9:
            _, item = self._waiting.popleft()
            self.held -= len(item) if isinstance(item, bytes) else 0
            self._out(item)
        if self._waiting:
            self._timer = self._scheduler.call_at(self._waiting[0][0], self._due)

    def _due(self) -> None:
        self._timer = None
        self._pass()


def effects_of(
    toxics: Sequence[AnyToxic], connection: int, random: Random, started: float, *, up: bool
) -> list[Effect]:
    """Return the effects of those toxics that concern one direction of a connection, in their order."""
    return [toxic.begin(random, started) for toxic in toxics if toxic.concerns(connection, up=up)]


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
