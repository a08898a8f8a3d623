"""Python source under construction: lines, indentation, fresh names, constants."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

WINDOW_BYTES: Final = 56
"""Size of a window: wide enough for most of a message without binaries, narrow enough to shift quickly."""

PADDING: Final = bytes(WINDOW_BYTES + 8)
"""What the data end in, so that a window may reach beyond them."""


class Slow(Exception):  # noqa: N818 - not an error: the plan hands over to the decoder
    """The plan does not cover what it found."""


class Source:
    """The lines of one function, and the constants that it refers to by name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self._depth = 1
        self._names = 0

    def add(self, *lines: str) -> None:
        """Append lines at the present indentation."""
        self.lines += ("    " * self._depth + line for line in lines)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Append ``head`` and indent what follows inside the ``with``."""
        self.add(head)
        self._depth += 1
        before = len(self.lines)
        try:
            yield
            if len(self.lines) == before:
                self.add("pass")
        finally:
            # A type that turns out to have no plan is given up in the middle of a block.
            self._depth -= 1

    @property
    def nested(self) -> bool:
        """Whether the next line stands in a branch or loop."""
        return self._depth > 1

    def name(self, prefix: str) -> str:
        """Return a variable name that was not used before."""
        self._names += 1
        return f"{prefix}{self._names}"

    def constant(self, prefix: str, value: Any) -> str:
        """Return the name of a constant; the same object, or equal numbers, keep their name."""
        for name, known in self.constants.items():
            if known is value or (_is_numbers(value) and _is_numbers(known) and known == value):
                return name
        name = f"{prefix}{len(self.constants)}_"
        self.constants[name] = value
        return name

    def function(self, head: str) -> str:
        """Return the source of the whole function."""
        return "\n".join([head, *self.lines, ""])


def _is_numbers(value: Any) -> bool:
    return type(value) is tuple and all(type(number) is int for number in value)
