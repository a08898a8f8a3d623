"""A file for what must not outlive the process: OpenSSL wants keys, and writes its key log, by file name."""

import os
import tempfile
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")


class SecretFile:
    """A private temporary file, open for reading; in memory where the system has such files (Linux).

    Then not even a kill leaves it behind. Elsewhere it is on disk, readable by its owner only, and removed by
    :meth:`close`. Use it as a context manager.
    """

    def __init__(self, content: bytes = b"") -> None:
        self._on_disk = not (hasattr(os, "memfd_create") and _DESCRIPTORS.is_dir())
        if self._on_disk:
            descriptor, name = tempfile.mkstemp(prefix="tls-")
            self.path = Path(name)
        else:
            descriptor = os.memfd_create("tls")
            os.fchmod(descriptor, 0o600)
            self.path = _DESCRIPTORS / str(descriptor)
        self.file = os.fdopen(descriptor, "r+b", buffering=0)
        self.file.write(content)

    def close(self) -> None:
        """Close and remove the file."""
        self.file.close()
        if self._on_disk:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> "SecretFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
