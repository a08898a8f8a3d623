import os
import stat
import sys
from pathlib import Path

import pytest

from evcc.files import exclusive, replace_file


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"first")
    replace_file(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")
def test_permissions_are_those_asked_for_from_the_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"for all to see")
    replace_file(path, b"secret", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_dead_process_left_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    (tmp_path / "file.tmp").write_bytes(b"half")
    replace_file(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_a_refusal_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def refuse(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, operation, refuse)
        with pytest.raises(OSError, match="Input/output"):
            replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="looks at the lock as POSIX has it")
def test_the_lock_is_held_and_given_back(tmp_path: Path) -> None:
    import fcntl

    path = tmp_path / ".lock"
    with exclusive(path), path.open("rb") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
