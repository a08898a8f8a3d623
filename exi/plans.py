"""The fast path of the Python engine: types become straight-line functions once they are in use.

A plan is Python source made from the tables alone, so the tables stay the one description of the format. It
covers what occurs on the wire and hands everything else (errors, escapes, text outside ASCII, wildcards) to the
decoder and encoder by raising; the message is then done again, step by step.

Making a plan costs about as much as walking its type ten to twenty times. So a type is walked
:data:`WARM_UP` times before it gets one: a session of a few dozen messages pays little, a charge loop or a
server soon runs on plans only.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from exi.bits import BitReader, BitWriter
from exi.decoder import Decoder
from exi.encoder import Encoder
from exi.plan_source import Slow, Source
from exi.schema import XsdType
from exi.walk import MAX_DEPTH

if TYPE_CHECKING:
    from exi.plan_layout import Layouts

WARM_UP: Final = 12

DecodePlan = Callable[[bytes, int], tuple[Any, int]]
EncodePlan = Callable[[Any], int]

_DEPTH: Final = MAX_DEPTH // 2
"""Where a walk below a plan starts to count: the other half is kept for the plans above it."""


class DecodePlans(list[DecodePlan]):
    """Plans of all types by index: ``plans[kind](data, position)`` is the value and the position behind it."""

    def __init__(self, decoder: Decoder, warm_up: int = WARM_UP) -> None:
        super().__init__(self._walk(kind) for kind in range(len(decoder.types)))
        self.append(_refuse)  # index -1: abstract elements
        self.decoder = decoder
        self._layouts: Layouts | None = None
        self.warm_up = warm_up

    def _walk(self, kind: int) -> DecodePlan:
        """Return the stand-in that walks a type until it is worth a plan."""
        uses = 0

        def walk(data: bytes, position: int) -> tuple[Any, int]:
            nonlocal uses
            uses += 1
            if uses == self.warm_up + 1 and self.make(kind):
                return self[kind](data, position)
            reader = BitReader(data, position)
            return self.decoder.decode_type(reader, kind, _DEPTH), reader.position

        return walk

    def make(self, kind: int) -> bool:
        """Make a type's plan; tell whether it has one."""
        from exi.plan_decode import RUNTIME, decode_source  # noqa: PLC0415 - a short session never makes plans
        from exi.plan_layout import Layouts, Unplannable  # noqa: PLC0415

        self._layouts = self._layouts or Layouts(self.decoder)
        try:
            source = decode_source(self._layouts, kind)
        except Unplannable:
            return False
        self[kind] = _compile(source, "data, p", RUNTIME | {"decode": self})
        return True


class EncodePlans(list[EncodePlan]):
    """Plans of all types by index: ``plans[kind](value)`` is the content's bits, with a 1 in front."""

    def __init__(self, encoder: Encoder, warm_up: int = WARM_UP) -> None:
        super().__init__(self._walk(kind) for kind in range(len(encoder.types)))
        self.encoder = encoder
        self._layouts: Layouts | None = None
        self.warm_up = warm_up

    def _walk(self, kind: int) -> EncodePlan:
        """Return the stand-in that walks a type until it is worth a plan."""
        uses = 0

        def walk(value: XsdType) -> int:
            nonlocal uses
            uses += 1
            if uses == self.warm_up + 1 and self.make(kind):
                return self[kind](value)
            writer = BitWriter()
            self.encoder.encode_type(writer, kind, value, _DEPTH)
            return writer.taken()

        return walk

    def make(self, kind: int) -> bool:
        """Make a type's plan; tell whether it has one."""
        from exi.plan_encode import RUNTIME, encode_source  # noqa: PLC0415 - a short session never makes plans
        from exi.plan_layout import Layouts, Unplannable  # noqa: PLC0415

        self._layouts = self._layouts or Layouts(self.encoder)
        try:
            source = encode_source(self._layouts, kind)
        except Unplannable:
            return False
        self[kind] = _compile(source, "value", RUNTIME | {"encode": self})
        return True


def _refuse(_data: bytes, _position: int) -> tuple[Any, int]:
    raise Slow


def _compile(source: Source, parameters: str, names: dict[str, Any]) -> Any:
    namespace = names | source.constants
    text = source.function(f"def plan({parameters}):")
    exec(compile(text, "<exi plan>", "exec"), namespace)  # noqa: S102 - made from the tables alone
    return namespace["plan"]
