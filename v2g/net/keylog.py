"""The NSS key log of a process's TLS connections, collected only where somebody asked for it.

OpenSSL writes the log to a file through the standard library; :class:`KeyLog` reads the new lines back
after each handshake step and hands them to its reader (the capture). Whoever has the file can read the
recorded traffic: it is readable by its owner only, and a temporary one is a :class:`SecretFile`.
"""

import os
import ssl
from collections.abc import Callable
from pathlib import Path

from v2g.net.secret_file import SecretFile


class KeyLog:
    """A key log file and its reader.

    ``path`` is kept and appended to, as SSLKEYLOGFILE is; without one a private temporary file is used.
    ``reader`` gets the new lines at every :meth:`poll`; give it ``capture.add_secrets``.
    Use it as a context manager or call :meth:`close`.
    """

    def __init__(self, path: Path | None = None, reader: Callable[[bytes], None] | None = None) -> None:
        self._temporary = SecretFile() if path is None else None
        if self._temporary is not None:
            self.path, self._file = self._temporary.path, self._temporary.file
        else:
            assert path is not None
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self.path, self._file = path, os.fdopen(descriptor, "r+b", buffering=0)
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
        if self._temporary is not None:
            self._temporary.close()

    def __enter__(self) -> "KeyLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
