"""Files that survive a crash: replaced whole, flushed to disk, and changed by one process at a time.

Nothing here knows what the files contain. A reader sees either the bytes before a call or the bytes
after it, whatever instant the process or the machine dies at.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_SUFFIX = ".tmp"


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Make ``path`` hold ``data``, atomically and durably, with permissions ``mode``.

    The bytes go to a temporary neighbour that is flushed to disk before it takes the name, and the
    folder is flushed after it: once this returns, a power cut does not undo it. A temporary file that
    a dead process left behind is overwritten. Raises OSError; ``path`` is then what it was.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Flush the names in ``directory`` to disk, where the platform lets a folder be opened."""
    if sys.platform == "win32":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` for the time of the block; other processes wait for it.

    The operating system drops the lock when its holder dies, so a killed process blocks nobody.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - exists on this platform only

            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - exists on this platform only

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
