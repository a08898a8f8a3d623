"""The loop of a peer: requests in, nanoseconds out. It needs nothing but the standard library."""

import sys
from collections.abc import Callable
from itertools import repeat
from time import perf_counter_ns
from typing import Any

Action = Callable[[Any, str], Any]


def answer(encode: Action, decode: Action) -> None:
    """Answer requests until there are no more; both actions take a message or bytes, and the namespace."""
    known: dict[str, Any] = {}
    for line in sys.stdin:
        direction, namespace, calls, text = line.split()
        try:
            took = _measure(encode, decode, known, direction, namespace, int(calls), text)
        except Exception as error:  # noqa: BLE001 - whatever a foreign codec raises, the answer is that it cannot
            print("error", type(error).__name__, flush=True)
        else:
            print(took, flush=True)


def _measure(
    encode: Action,
    decode: Action,
    known: dict[str, Any],
    direction: str,
    namespace: str,
    calls: int,
    text: str,
) -> float:
    argument: Any = bytes.fromhex(text)
    action = decode
    if direction == "encode":
        if text not in known:
            known[text] = decode(argument, namespace)
        action, argument = encode, known[text]
    started = perf_counter_ns()
    for _ in repeat(None, calls):
        action(argument, namespace)
    return (perf_counter_ns() - started) / calls
