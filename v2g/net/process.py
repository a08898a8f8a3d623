"""What a process can say about itself, and how it ends when nobody reads what it says."""

import os
import re
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from exi import choice
from exi.errors import EngineError

_P = ParamSpec("_P")

READER_LEFT = 141
"""Exit code of a command whose output nobody reads any more: what a shell reports for SIGPIPE."""

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


BAD_ENGINE = 2
"""Exit code of a command where the environment asks for an EXI engine that there is not."""


def ends_when_the_reader_leaves(main: Callable[_P, int]) -> Callable[_P, int]:
    """Let a command end without a traceback where its surroundings are to blame.

    That is when its output goes to something like ``head`` that stops, and when ``PNCLAB_EXI_ENGINE`` asks
    for an EXI engine that there is not.
    """

    @wraps(main)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> int:
        try:
            choice.check()
            code = main(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter flushes once more at exit, and would complain once more.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return READER_LEFT
        except EngineError as error:
            print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
            return BAD_ENGINE
        return code

    return guarded
