"""The NSS key log of a process's TLS connections, collected only where somebody asked for it.

OpenSSL writes the log to a file through the standard library; :class:`KeyLog` reads the new lines back
after each handshake step and hands them to its reader (the capture). Whoever has the file can read the
recorded traffic: it is readable by its owner only, and a temporary one lives in memory where the system
can do that, so that not even a kill leaves it behind; elsewhere it is removed on close.
"""

import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")


class KeyLog:
    """A key log file and its reader.

    ``path`` is kept and appended to, as SSLKEYLOGFILE is; without one a private temporary file is used.
    ``reader`` gets the new lines at every :meth:`poll`; give it ``capture.add_secrets``.
    Use it as a context manager or call :meth:`close`.
    """

    def __init__(self, path: Path | None = None, reader: Callable[[bytes], None] | None = None) -> None:
        self._on_disk = False
        if path is not None:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        elif hasattr(os, "memfd_create") and _DESCRIPTORS.is_dir():
            descriptor = os.memfd_create("tls-keys")
            os.fchmod(descriptor, 0o600)
            path = _DESCRIPTORS / str(descriptor)
        else:
            descriptor, name = tempfile.mkstemp(prefix="tls-", suffix=".keys")
            path = Path(name)
            self._on_disk = True
        self.path = path
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._file.seek(0, os.SEEK_END)
        self._partial = b""
        self._reader = reader
        self._contexts: list[ssl.SSLContext] = []

    def attach(self, context: ssl.SSLContext) -> None:
        """Have a context's connections log their keys here."""
        context.keylog_filename = str(self.path)
        self._contexts.append(context)

    def poll(self) -> bytes:
        """Read the lines written since the last call, hand them to the reader, and return them."""
        if self._file.closed:
            return b""
        content = self._partial + (self._file.read() or b"")
        complete, newline, self._partial = content.rpartition(b"\n")
        lines = b"".join(
            line + b"\n" for line in (complete + newline).splitlines() if line and not line.startswith(b"#")
        )
        if lines and self._reader is not None:
            self._reader(lines)
        return lines

    def close(self) -> None:
        """Read what is left, detach, and remove a temporary file."""
        if self._file.closed:
            return
        self.poll()
        for context in self._contexts:
            context.keylog_filename = None  # type: ignore[assignment]  # None closes OpenSSL's file
        self._contexts.clear()
        self._file.close()
        if self._on_disk:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> "KeyLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
