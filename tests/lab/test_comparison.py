"""Two installing sessions beside each other."""

import io

from rich.console import Console

from lab.comparison import comparison_table, edition, installing
from lab.runs import build
from lab.trace_file import Trace
from tests.lab import synthetic


def test_what_is_compared() -> None:
    told = build(Trace(tuple(synthetic.demo_run())))
    sessions = installing(told.sessions)
    assert sessions
    assert all(session.installed for session in sessions)
    assert edition(sessions[0]) == "ISO 15118-2"
    console = Console(file=io.StringIO(), width=100)
    console.print(comparison_table(sessions, ascii_only=True))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    for words in ("ISO 15118-2", "TLS", "installed in", "deadline", "5 s", "message pairs"):
        assert words in text
    assert text.isascii()
