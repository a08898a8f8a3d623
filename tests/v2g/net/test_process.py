"""The memory that a process says it needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from v2g.net.process import READER_LEFT, peak_rss_bytes

MIB = 1024 * 1024
PEAK = "from v2g.net.process import READER_LEFT, peak_rss_bytes; print(peak_rss_bytes())"
GROW = f"import os; block = os.urandom({50 * MIB}); {PEAK}"


def peak_of(code: str) -> int:
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(child.stdout)


def test_it_grows_with_what_is_held() -> None:
    assert 40 * MIB < peak_of(GROW) - peak_of(PEAK) < 60 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a figure without the parent in it")
def test_the_parent_does_not_count() -> None:
    block = bytearray(150 * MIB)
    block[::4096] = b"\1" * len(block[::4096])
    assert peak_of(PEAK) < 100 * MIB


def test_elsewhere(tmp_path: Path) -> None:
    assert (peak_rss_bytes(tmp_path / "nothing") or 0) > MIB
    (tmp_path / "odd").write_text("VmPeak: lots\n")
    assert (peak_rss_bytes(tmp_path / "odd") or 0) > MIB


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes")
def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    code = (
        "import sys\n"
        "from v2g.net.process import ends_when_the_reader_leaves\n"
        "@ends_when_the_reader_leaves\n"
        "def main():\n"
        "    while True: print('x' * 1000)\n"
        "sys.exit(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        assert child.stderr.read() == b""
        assert child.wait() == READER_LEFT
