"""The HTML report: complete, self-contained, and unimpressed by hostile traces."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from lab.report import diagram, render, waterfall, write_report
from lab.report.payloads import certificates_in
from lab.report.render import embedded
from lab.runs import build
from lab.trace_file import Event, Trace, TraceFileError
from tests.lab import synthetic

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)


def page_of(events: list[Event]) -> str:
    return render(build(Trace(tuple(events))), "run")


class Elements(HTMLParser):
    """Collects start tags, and the text of each script."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data


def parsed(page: str) -> Elements:
    elements = Elements()
    elements.feed(page)
    elements.close()
    return elements


def data_of(page: str) -> dict[str, Any]:
    data = json.loads(parsed(page).scripts[0])
    assert isinstance(data, dict)
    return data


def test_the_page_tells_the_story() -> None:
    page = page_of(synthetic.demo_run())
    for words in (
        "The car got its contract in 31.0 ms.",
        synthetic.EMAID,
        "CertificateInstallationReq",
        "POST signedContractData",
        "Signature verified: CertificateInstallationRes",
        "Contract installed",
        "5 more rounds of ChargingStatus",
        "The car charges with the contract it owns",
        "Way to the backend",
        "61 MB",
        "python",
    ):
        assert words in page


def test_every_message_can_be_opened() -> None:
    page = page_of(synthetic.demo_run(synthetic.real_payloads()))
    data = data_of(page)
    buttons = [
        int(attrs["data-message"] or -1) for tag, attrs in parsed(page).tags if "data-message" in attrs
    ]
    assert sorted(buttons) == list(range(len(data["messages"])))
    assert len(data["messages"]) == 2 * (18 + 14)
    for message in data["messages"]:
        payload = data["payloads"][message["payload"]]
        assert payload["problem"] is None
        assert payload["xml"].startswith("<")


def test_payloads_that_repeat_are_kept_once() -> None:
    data = data_of(page_of(synthetic.demo_run(synthetic.real_payloads(), rounds=200)))
    assert len(data["messages"]) > 400
    assert len(data["payloads"]) < 40


def test_certificates_inside_messages_are_read() -> None:
    data = data_of(page_of(synthetic.demo_run(synthetic.real_payloads())))
    response = next(m for m in data["messages"] if m["name"] == "CertificateInstallationRes")
    certificates = data["payloads"][response["payload"]]["certificates"]
    assert certificates[0]["place"] == "SAProvisioningCertificateChain, Certificate"
    assert dict(certificates[0]["facts"])["Key"] == "secp256r1"


def test_text_that_only_looks_like_a_certificate_is_left_alone() -> None:
    assert list(certificates_in("<a><Certificate>MIInothing</Certificate></a>")) == []


def test_undecodable_payloads_are_shown_with_the_reason() -> None:
    payloads = {"SessionSetupRes": "80ffffffff", "SessionSetupReq": "not hex"}
    data = data_of(page_of(synthetic.demo_run(payloads)))
    problems = [payload["problem"] for payload in data["payloads"]]
    assert any("Cannot be decoded" in problem for problem in problems)
    assert any("damaged" in problem for problem in problems)


def test_failures_stand_on_top() -> None:
    page = page_of(synthetic.failing_run())
    assert "The contract did not arrive." in page
    assert page.index("What went wrong") < page.index('class="session"')
    assert "no answer within 4.3 s" in page
    assert "CertificateInstallationRes says FAILED" in page
    page = page_of(synthetic.silent_run())
    assert "V2G_EVCC_Msg_Timeout_SessionSetup ran out after 2 s" in page


def test_an_empty_run_has_a_page() -> None:
    assert "Nothing happened yet." in page_of([])


def test_one_file_that_loads_nothing() -> None:
    page = page_of(synthetic.demo_run())
    elements = parsed(page)
    for tag, attrs in elements.tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base"}
        assert "src" not in attrs
        assert not (attrs.get("href") or "#").startswith(("http", "//"))
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_names_the_one_script() -> None:
    elements = parsed(page_of(synthetic.demo_run()))
    policy = next(a["content"] for t, a in elements.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", policy)


def hostile(events: list[Event], text: str) -> list[Event]:
    """Put a hostile text into every text field of every event."""
    return [
        replace(
            event,
            session=text if event.session else None,
            fields={
                name: text if isinstance(value, str) and name not in {"outcome", "exi", "by"} else value
                for name, value in event.fields.items()
            },
        )
        for event in events
    ]


@pytest.mark.parametrize("text", list(synthetic.hostile_strings()))
@pytest.mark.parametrize("make", [synthetic.demo_run, synthetic.failing_run, synthetic.silent_run])
def test_hostile_text_stays_text(text: str, make: Any) -> None:
    elements = parsed(page_of(hostile(make(), text)))
    tags = [tag for tag, _ in elements.tags]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert not any(name.startswith("on") for _, attrs in elements.tags for name in attrs)
    json.loads(elements.scripts[0])


def test_unknown_kinds_roles_and_processes_are_shown_not_hidden() -> None:
    events = synthetic.demo_run()
    moment = next(event for event in events if event.kind == "tls.established" and event.role == "evcc")
    events.insert(
        events.index(moment) + 1, replace(moment, kind="weather.changed", fields={"detail": "rain"})
    )
    events.append(Event(events[-1].t, "alien", "process.ready", None, None, "visitor", {"pid": 1}))
    page = page_of(events)
    assert "weather.changed" in page
    assert "visitor" in page


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "&amp;"])
def test_embedded_json_cannot_leave_its_element(text: str) -> None:
    markup = str(embedded({"a": text}))
    assert not set(markup) & set("<>&\u2028")
    assert json.loads(markup) == {"a": text}


def test_phases_come_in_order_and_once() -> None:
    session = build(Trace(tuple(synthetic.demo_run()))).sessions[0]
    titles = [row.phase.title for row in diagram.rows(session, {}) if isinstance(row, diagram.Heading)]
    assert titles == ["Meet", "Agree", "Install the contract", "Prove who pays", "Prepare", "Charge", "Part"]


def test_the_charger_is_busy_between_request_and_response() -> None:
    session = build(Trace(tuple(synthetic.demo_run()))).sessions[0]
    arrows = [row for row in diagram.rows(session, {}) if isinstance(row, diagram.Arrow)]
    by_name = {arrow.name: arrow.busy for arrow in arrows}
    assert by_name["CertificateInstallationReq"] == {"secc": "opens"}
    assert by_name["POST signedContractData"] == {"secc": "", "backend": "opens"}
    assert by_name["HTTP 200"] == {"secc": "", "backend": "closes"}
    assert by_name["CertificateInstallationRes"] == {"secc": "closes"}


@pytest.mark.parametrize("make", [synthetic.demo_run, synthetic.failing_run, synthetic.silent_run])
def test_the_waterfall_stays_inside_its_frame(make: Any) -> None:
    for session in build(Trace(tuple(make()))).sessions:
        drawn = waterfall.build(session)
        for line in drawn.lines:
            for bar in line.bars:
                assert 0 <= bar.log <= 100
                assert 0 <= bar.linear <= 100
                assert 0 <= bar.clock_start <= 100.001
            for mark in (line.deadline_log, line.deadline_linear, line.served_log, line.served_linear):
                assert mark is None or 0 <= mark <= 100
        for ticks in (drawn.log_ticks, drawn.linear_ticks, drawn.clock_ticks):
            assert 2 <= len(ticks) <= 12
            assert [tick.at for tick in ticks] == sorted(tick.at for tick in ticks)


def test_the_installation_is_told_in_its_parts() -> None:
    drawn = waterfall.build(build(Trace(tuple(synthetic.demo_run()))).sessions[0])
    parts = [(line.name, line.elapsed, line.outside) for line in drawn.lines if line.part]
    assert parts == [
        ("Car, before", "1.0", True),
        ("Cable and TLS", "5.0", False),
        ("Charger", "6.0", False),
        ("Way to the backend", "9.0", False),
        ("Backend", "11.0", False),
        ("Car, after", "4.4", True),
    ]


def test_a_late_answer_is_drawn_as_one() -> None:
    lines = {
        line.name: line
        for line in waterfall.build(build(Trace(tuple(synthetic.silent_run()))).sessions[0]).lines
    }
    assert lines["SessionSetup"].tone == "bad"
    assert lines["SessionSetup"].trouble.startswith("V2G_EVCC_Msg_Timeout")
    assert lines["SupportedAppProtocol"].tone == "good"


@pytest.mark.parametrize(
    ("span", "step"), [(5.2, 1.0), (0.081, 0.01), (1.0, 0.1), (62.0, 10.0), (0.004, 0.0005)]
)
def test_axis_steps_are_round(span: float, step: float) -> None:
    assert waterfall.nice_step(span) == pytest.approx(step)


def test_a_report_is_written_beside_its_trace(tmp_path: Path) -> None:
    directory = synthetic.write_run(tmp_path / "run", synthetic.demo_run())
    assert write_report(directory) == directory / "report.html"
    assert (directory / "report.html").stat().st_size > 20_000


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match=r"trace\.jsonl"):
        write_report(tmp_path)


def browse(page: Path, tmp_path: Path, *options: str) -> tuple[str, list[str]]:
    """Return the DOM after the page's script has run, and what the console said."""
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            *(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--enable-logging=stderr",
                "--virtual-time-budget=2000",
            ),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1440,1000", *options),
            *("--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on PATH")
@pytest.mark.parametrize("make", [synthetic.demo_run, synthetic.failing_run])
def test_a_browser_runs_it_without_complaint(make: Any, tmp_path: Path) -> None:
    directory = synthetic.write_run(tmp_path / "run", make(synthetic.real_payloads()))
    dom, console = browse(write_report(directory), tmp_path)
    assert console == []
    assert 'aria-pressed="true"' in dom
    assert '<span class="x-tag" title="urn:iso:15118:2:2013:MsgBody">&lt;CertificateInstallationRes' in dom
    assert "signature over 4 parts" in dom
    assert "CertificateInstallation" in dom


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on PATH")
def test_a_browser_keeps_hostile_text_as_text(tmp_path: Path) -> None:
    text = "".join(synthetic.hostile_strings())
    directory = synthetic.write_run(tmp_path / "run", hostile(synthetic.failing_run(), text))
    dom, console = browse(write_report(directory), tmp_path)
    assert console == []
    assert "<img" not in dom
    assert "onmouseover=" not in re.sub(r"\"[^\"]*\"|>[^<]*<", "", dom)
