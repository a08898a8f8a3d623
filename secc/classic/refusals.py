"""Responses with a FAILED code and placeholders, in the words of one protocol."""

from collections.abc import Callable, Mapping
from typing import Any

from exi.schema import XsdType
from secc import placeholders
from secc.classic import dc
from secc.classic.context import ClassicContext
from secc.classic.words import Words

_UNITS = (("voltage", "V"), ("current", "A"), ("reading", "Wh"))


def refuse(
    words: Words,
    response: type[XsdType],
    code: str,
    context: ClassicContext,
    given: Mapping[str, Any],
    fillers: Mapping[type[XsdType], Callable[[str], XsdType]],
) -> XsdType:
    """Return a response with a FAILED code; ``given`` fields say the truth even so, others are placeholders.

    ``fillers`` make what only one protocol has, see :func:`secc.placeholders.build`.
    """
    messages = words.messages
    fields = {name: value for name, value in given.items() if name in response.__struct_fields__}
    return placeholders.build(
        response,
        fields | {"response_code": messages.ResponseCode(code)},
        {
            messages.DC_EVSEStatus: lambda _: dc.status(words, context, ready=False),
            messages.PhysicalValue: lambda field: nothing(words, field),
            **fillers,
        },
    )


def nothing(words: Words, field: str) -> XsdType:
    """Return zero in the unit that a field's name speaks of."""
    unit = next((unit for word, unit in _UNITS if word in field), "W")
    made: XsdType = words.quantity(0, unit)
    return made
