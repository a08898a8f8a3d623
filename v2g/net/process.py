"""What a process can say about itself."""

import re
import sys
from pathlib import Path

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_rss_bytes(status: Path = Path("/proc/self/status")) -> int | None:
    """Return the largest resident size that this process had, in bytes; None where the system does not say.

    On Linux it is read from ``status``: getrusage counts, for a process started by fork and exec, the size
    of its parent at that moment as well.
    """
    try:
        found = _PEAK.search(status.read_text())
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - exists on POSIX only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
