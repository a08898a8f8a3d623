"""The table of a session: rows, bars, totals, failures; on screen, as JSON and as a picture."""

import io
import json

import msgspec
import pytest
from rich.console import Console

from lab import picture, table
from lab.model import Run
from lab.runs import build
from lab.trace_file import Event, Trace
from tests.lab import synthetic


def run_of(events: list[Event]) -> Run:
    return build(Trace(tuple(events)))


def printed(run: Run, width: int = 100, *, ascii_only: bool = False) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table.run_table(run, width=width, ascii_only=ascii_only))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_rows_follow_the_session_and_share_a_line_for_a_loop() -> None:
    rows = table.rows(run_of(synthetic.demo_run()).sessions[0].exchanges)
    names = [(row.name, row.count) for row in rows]
    assert ("CertificateInstallation", 1) in names
    assert ("ChargingStatus", 6) in names
    assert names.count(("PowerDelivery", 1)) == 2


def test_a_row_holds_what_the_issue_asks_for() -> None:
    rows = {row.name: row for row in table.rows(run_of(synthetic.demo_run()).sessions[0].exchanges)}
    row = rows["CertificateInstallation"]
    assert (row.bytes_out, row.bytes_in, row.elapsed_s, row.limit_s) == (1020, 4364, 0.031, 5)
    assert row.share == pytest.approx(0.0062)
    assert not row.bad


def test_a_loop_shows_its_slowest() -> None:
    events = synthetic.demo_run()
    slow = next(
        e for e in events if e.fields.get("name") == "ChargingStatusRes" and e.kind == "message.received"
    )
    events[events.index(slow)] = Event(
        slow.t,
        slow.role,
        slow.kind,
        slow.connection,
        slow.session,
        slow.process,
        {**slow.fields, "elapsed_s": 1.9},
    )
    rows = {row.name: row for row in table.rows(run_of(events).sessions[0].exchanges)}
    assert rows["ChargingStatus"].elapsed_s == 1.9
    assert rows["ChargingStatus"].share == pytest.approx(0.95)
    assert rows["ChargingStatus"].median_s == pytest.approx(0.0013)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_nothing_is_cut_off(width: int) -> None:
    text = printed(run_of(synthetic.demo_run()), width)
    assert "…" not in text
    for word in ("ChargeParameterDiscovery", "deadline", "bytes →", "0.62 %", "18 pairs", synthetic.EMAID):
        assert word in text
    assert all(len(line) <= width for line in text.splitlines())


def test_ascii_terminals_get_ascii() -> None:
    text = printed(run_of(synthetic.demo_run()), 80, ascii_only=True)
    assert "ChargingStatus x 6" in text
    assert text.isascii()


def test_failures_are_said_plainly() -> None:
    text = printed(run_of(synthetic.failing_run()))
    assert "Session 1 failed" in text
    assert "CertificateInstallation: the response says FAILED" in text
    text = printed(run_of(synthetic.silent_run()))
    assert "SessionSetup: V2G_EVCC_Msg_Timeout_SessionSetup ran out after 2 s" in text


def test_an_empty_trace_says_so() -> None:
    assert "no session" in printed(build(Trace(())))


@pytest.mark.parametrize("share", [0.0, 1e-9, 0.0062, 0.5, 0.95, 1.0, 7.0])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_bars_keep_their_width(share: float, ascii_only: bool) -> None:
    assert len(table.bar(share, 16, ascii_only=ascii_only).plain) == 16


def test_bars_warn() -> None:
    assert table.bar(0.1).spans[0].style == "green"
    assert table.bar(0.6).spans[0].style == "yellow"
    assert table.bar(0.95).spans[0].style == "red"


def test_json_holds_sessions_processes_and_the_split() -> None:
    data = json.loads(msgspec.json.encode(table.as_json(run_of(synthetic.demo_run()))))
    first, second = data["sessions"]
    assert first["contract_installed"] is True
    assert first["emaid"] == synthetic.EMAID
    assert first["installation_s"] == {"link": 0.005, "charger": 0.006, "http": 0.009, "pool": 0.011}
    assert second["installation_s"] is None
    assert {process["name"] for process in data["processes"]} == {"market", "charger", "car-1", "car-2"}


def test_the_picture_is_one_svg_that_loads_nothing() -> None:
    svg = picture.table_svg(run_of(synthetic.demo_run()))
    assert svg.startswith("<svg")
    assert "CertificateInstallation" in svg
    assert "@font-face" not in svg
    assert "cdnjs" not in svg
    assert len(svg) < 100_000
