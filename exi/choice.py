"""Which engine is asked for: the environment variable ``PNCLAB_EXI_ENGINE``, held against what is built.

Nothing else of the codec is loaded for it, so that every command can refuse a bad value before it starts.
"""

import os
from importlib import import_module

from exi.errors import EngineError

VARIABLE = "PNCLAB_EXI_ENGINE"
CHOICES = ("auto", "native", "python")
NATIVE_MODULE = "exi._native"


def chosen(choice: str | None) -> str:
    """Return the engine that a choice means, ``native`` or ``python``; None and "" are ``auto``.

    Raises EngineError where ``native`` is demanded and not built, and for what is no choice.
    """
    choice = choice or "auto"
    if choice not in CHOICES:
        raise EngineError(f"{VARIABLE} is {choice!r}; it can be {', '.join(CHOICES)}")
    if choice == "python":
        return "python"
    try:
        import_module(NATIVE_MODULE)
    except ImportError as error:
        if choice == "native":
            raise EngineError(
                f"{VARIABLE} demands the native engine, which cannot be loaded: {error}; "
                "install PnC Lab again with cargo on the path, or unset the variable"
            ) from error
        return "python"
    return "native"


def check() -> None:
    """Raise EngineError where the environment asks for an engine that there is not.

    ``auto`` always finds one, so only a demand loads anything.
    """
    choice = os.environ.get(VARIABLE)
    if choice not in {None, "", "auto"}:
        chosen(choice)
