"""EXPy (libcbv2g behind ctypes): Python dictionaries to bytes and back."""

from typing import Any

import answers  # type: ignore[import-not-found] # beside this script, found where it is run
from expy.processor import EXIProcessor, Namespace  # type: ignore[import-not-found] # in the environment that runs this

NAMESPACES = {
    "urn:iso:15118:2:2013:MsgDef": Namespace.ISO2,
    "urn:iso:std:iso:15118:-20:CommonMessages": Namespace.ISO20_COMMON,
    "urn:iso:std:iso:15118:-20:DC": Namespace.ISO20_DC,
}

if __name__ == "__main__":
    processors: dict[str, Any] = {}

    def processor(namespace: str) -> Any:
        """Return the codec of a message set, made at the first call."""
        if namespace not in processors:
            processors[namespace] = EXIProcessor(NAMESPACES[namespace])
        return processors[namespace]

    answers.answer(
        lambda message, namespace: processor(namespace).encode(message),
        lambda data, namespace: processor(namespace).decode(data),
    )
