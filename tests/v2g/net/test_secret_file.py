"""Files that nothing is left of."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from v2g.net import secret_file
from v2g.net.secret_file import SecretFile

in_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="this system has no files in memory")


@pytest.mark.parametrize("on_disk", [pytest.param(False, marks=in_memory), True])
def test_it_can_be_opened_by_name_while_it_lives(
    on_disk: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if on_disk:
        monkeypatch.setattr(secret_file, "_DESCRIPTORS", Path("/nonexistent"))
    with SecretFile(b"secret") as file:
        assert list(tmp_path.iterdir()) == ([file.path] if on_disk else [])
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert file.path.read_bytes() == b"secret"
        with file.path.open("ab") as writer:
            writer.write(b" and more")
        assert file.file.read() == b" and more"
    assert list(tmp_path.iterdir()) == []


@in_memory
def test_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    program = "import os, signal; from v2g.net.secret_file import SecretFile; f = SecretFile(b'x')"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; os.kill(os.getpid(), signal.SIGKILL)"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
