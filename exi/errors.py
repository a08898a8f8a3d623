"""The one error of the codec."""


class ExiError(Exception):
    """A message or a byte string that does not fit its schema.

    ``reason`` says what is wrong. ``path`` names the element or attribute, as in
    ``/V2G_Message/Body/SessionSetupReq/EVCCID`` (``[n]``, from 1, numbers the items of a list, ``@``
    marks an attribute). ``bit_offset`` is where decoding stood: the first bit of the event code or
    value that was refused, counted from the start of the data; None when encoding.
    """

    def __init__(self, reason: str, path: str = "", bit_offset: int | None = None) -> None:
        super().__init__(reason, path, bit_offset)
        self.reason = reason
        self.path = path
        self.bit_offset = bit_offset

    def __str__(self) -> str:
        text = self.reason
        if self.path:
            text += f" at {self.path}"
        if self.bit_offset is not None:
            text += f" (bit {self.bit_offset})"
        return text

    def within(self, step: str) -> "ExiError":
        """Put one more step in front of the path; called while the error unwinds."""
        self.path = f"/{step}{self.path}"
        self.args = (self.reason, self.path, self.bit_offset)
        return self


def shown(value: object) -> str:
    """Return the text of a value that may be anything, for a reason; a lone surrogate is escaped."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


class EngineError(Exception):
    """The engine that ``PNCLAB_EXI_ENGINE`` asks for is not one, or is not built."""


class SchemaError(Exception):
    """Message classes that state something which no grammar can be made from: a programming error."""
