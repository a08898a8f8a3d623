"""Traces made up for tests: what three processes would have written, with round numbers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.trace_file import Event, write_trace

VECTORS = Path(__file__).parents[1] / "vectors"
START = 1_790_000_000.0
EMAID = "DEPNCC1A2B3C4D5"
SESSION_ID = "5a11c0ffee000001"

# name without Req/Res, request bytes, response bytes, car's milliseconds, charger's milliseconds, limits (s)
INSTALLING: Sequence[tuple[str, int, int, float, float, float, float]] = (
    ("SupportedAppProtocol", 45, 12, 1.4, 0.6, 2, 1.5),
    ("SessionSetup", 29, 49, 1.2, 0.5, 2, 1.5),
    ("ServiceDiscovery", 21, 42, 1.1, 0.5, 2, 1.5),
    ("ServiceDetail", 22, 60, 1.3, 0.6, 5, 4.5),
    ("PaymentServiceSelection", 24, 21, 1.0, 0.4, 2, 1.5),
    ("CertificateInstallation", 1020, 4364, 31.0, 26.0, 5, 4.5),
    ("PaymentDetails", 1640, 47, 5.9, 4.6, 5, 4.5),
    ("Authorization", 315, 21, 3.2, 2.1, 2, 1.5),
    ("ChargeParameterDiscovery", 38, 66, 1.5, 0.7, 2, 1.5),
    ("PowerDelivery", 24, 24, 1.1, 0.5, 5, 4.5),
)
CHARGING = ("ChargingStatus", 20, 62, 1.3, 0.6, 2.0, 1.5)
ENDING = (
    ("PowerDelivery", 24, 24, 1.1, 0.5, 5, 4.5),
    ("SessionStop", 21, 20, 0.9, 0.4, 2, 1.5),
)


class Clock:
    """A clock that its user moves."""

    def __init__(self, t: float = START) -> None:
        self.t = t

    def __call__(self, milliseconds: float = 0.0) -> float:
        self.t = round(self.t + milliseconds / 1000, 6)
        return self.t


class Recorder:
    """Collects events; knows which session and connection they belong to."""

    def __init__(self, clock: Clock, payloads: Mapping[str, str]) -> None:
        self.clock = clock
        self.payloads = payloads
        self.events: list[Event] = []
        self.connection = 1
        self.session: str | None = None
        self.car = "car-1"

    def add(self, role: str, kind: str, after_ms: float = 0.0, **fields: Any) -> None:
        process = {"evcc": self.car, "secc": "charger", "backend": "market"}[role]
        connection = None if kind.startswith(("process.", "sdp.")) or role == "backend" else self.connection
        self.events.append(Event(self.clock(after_ms), role, kind, connection, self.session, process, fields))

    def message(
        self, role: str, direction: str, name: str, size: int, after_ms: float, **fields: Any
    ) -> None:
        payload = self.payloads.get(name, "")
        self.add(
            role,
            f"message.{direction}",
            after_ms,
            name=name,
            bytes=size,
            payload_type=0x8001,
            codec_s=0.0003,
            exi=payload,
            **fields,
        )

    def exchange(
        self,
        row: tuple[str, int, int, float, float, float, float],
        code: str = "OK",
        charger_events: Sequence[tuple[str, float, dict[str, Any]]] = (),
    ) -> None:
        """Add the four events of one message pair; ``charger_events`` happen while the charger works."""
        name, out, back, car_ms, charger_ms, car_limit, charger_limit = row
        link = (car_ms - charger_ms) / 2
        if name == "SupportedAppProtocol" and code == "OK":
            code = "OK_SuccessfulNegotiation"
        self.message("evcc", "sent", f"{name}Req", out, 0.4)
        self.message("secc", "received", f"{name}Req", out, link)
        spent = 0.0
        for kind, after, fields in charger_events:
            if kind == "backend.note":
                self.add("backend", "signature.verified", after, **fields)
            else:
                self.add("backend" if kind == "backend.handled" else "secc", kind, after, **fields)
            spent += after
        if name == "SessionSetup":
            self.session = SESSION_ID[:-1] + self.car[-1]
        self.message(
            "secc",
            "sent",
            f"{name}Res",
            back,
            charger_ms - spent,
            response_code=code,
            elapsed_s=charger_ms / 1000,
            limit_s=charger_limit,
            limit_name="V2G_SECC_Msg_Performance_Time",
        )
        self.message(
            "evcc",
            "received",
            f"{name}Res",
            back,
            link,
            response_code=code,
            elapsed_s=car_ms / 1000,
            limit_s=car_limit,
            limit_name="V2G_EVCC_Msg_Timeout",
        )

    def connect(self, port: int) -> None:
        local = f"[::1]:{port}"
        self.add("evcc", "session.started", 3)
        self.add("secc", "tcp.accepted", 0.3, local="[::1]:50001", peer=local)
        self.add("evcc", "tcp.connected", 0.1, local=local, peer="[::1]:50001", elapsed_s=0.0004)
        tls = {"version": "TLSv1.2", "cipher": "ECDHE-ECDSA-AES128-SHA256"}
        self.add("secc", "tls.established", 5, **tls, elapsed_s=0.005)
        self.add(
            "evcc", "tls.established", 0.2, **tls, elapsed_s=0.0052, peer_subject="CN=DE*PNC*E0001,DC=CPO"
        )


BACKEND_CALL: Sequence[tuple[str, float, dict[str, Any]]] = (
    ("signature.verified", 2.0, {"what": "CertificateInstallationReq", "references": ["id1"]}),
    (
        "backend.request",
        0.5,
        {"method": "POST", "url": "http://127.0.0.1:8080/v1/ccp/signedContractData", "budget_s": 4.4},
    ),
    ("backend.note", 12.0, {"what": "CertificateInstallationReq", "references": ["id1"]}),
    (
        "backend.handled",
        4.0,
        {
            "method": "POST",
            "path": "/v1/ccp/signedContractData",
            "status": 200,
            "elapsed_s": 0.011,
            "bytes": 6120,
        },
    ),
    ("backend.response", 4.0, {"status": 200, "elapsed_s": 0.02, "bytes": 6120}),
)


def ready(recorder: Recorder) -> None:
    for role, pid in (("backend", 101), ("secc", 102)):
        recorder.add(
            role, "process.ready", 5, pid=pid, version="0.1.0", exi_engine="python", address="[::1]:1"
        )


def installing_session(recorder: Recorder, rounds: int = 6) -> None:
    """A car without a contract installs one and charges."""
    add = recorder.add
    add("evcc", "process.ready", 400, pid=103, version="0.1.0", exi_engine="python")
    recorder.connect(40001)
    for row in INSTALLING:
        if row[0] == "CertificateInstallation":
            add("evcc", "signature.created", 0.6, what="CertificateInstallationReq", references=["id1"])
            recorder.exchange(row, charger_events=BACKEND_CALL)
            add(
                "evcc",
                "signature.verified",
                3,
                what="CertificateInstallationRes",
                references=["id1", "id2", "id3", "id4"],
            )
            add(
                "evcc",
                "contract.installed",
                1,
                emaid=EMAID,
                certificate_serial="1234567890",
                valid_until="2028-11-22T00:00:00Z",
            )
            continue
        if row[0] == "Authorization":
            add("evcc", "signature.created", 0.5, what="AuthorizationReq", references=["id1"])
        recorder.exchange(row)
    charge(recorder, rounds)
    stop(recorder, installed=True)


def charge(recorder: Recorder, rounds: int) -> None:
    for number in range(1, rounds + 1):
        recorder.exchange(CHARGING)
        recorder.add(
            "evcc",
            "charging",
            0.1,
            energy_wh=18.3 * number,
            soc_percent=40 + number,
            power_w=11000,
            round=number,
        )


def stop(recorder: Recorder, *, installed: bool) -> None:
    for row in ENDING:
        recorder.exchange(row)
    recorder.add("evcc", "tcp.closed", 0.2, reason="session is over", by="us")
    recorder.add("secc", "session.ended", 0.2, outcome="ok", reason="SessionStop")
    recorder.add(
        "evcc",
        "session.ended",
        0.1,
        outcome="ok",
        reason="battery full",
        contract_installed=installed,
        energy_wh=109.8,
    )
    recorder.add("evcc", "process.ended", 5, exit_code=0, peak_rss_bytes=58_000_000)


def stored_session(recorder: Recorder, rounds: int = 4) -> None:
    """The same car comes back and uses what it has."""
    recorder.connection, recorder.session, recorder.car = 2, None, "car-2"
    recorder.add("evcc", "process.ready", 400, pid=104, version="0.1.0", exi_engine="python")
    recorder.connect(40002)
    for row in INSTALLING:
        if row[0] in {"ServiceDetail", "CertificateInstallation"}:
            continue
        if row[0] == "PaymentDetails":
            recorder.add("evcc", "contract.used", 0.1, emaid=EMAID)
        recorder.exchange(row)
    charge(recorder, rounds)
    stop(recorder, installed=False)


def failed_session(recorder: Recorder) -> None:
    """The backend is late: the charger answers FAILED in time and the car gives up."""
    recorder.add("evcc", "process.ready", 400, pid=103, version="0.1.0", exi_engine="python")
    recorder.connect(40001)
    for row in INSTALLING:
        if row[0] != "CertificateInstallation":
            recorder.exchange(row)
            continue
        slow = (row[0], row[1], row[2], 4420.0, 4400.0, row[5], row[6])
        recorder.exchange(
            slow,
            "FAILED",
            (
                BACKEND_CALL[1],
                ("backend.failed", 4300.0, {"reason": "no answer within 4.3 s", "elapsed_s": 4.3}),
            ),
        )
        break
    recorder.add("evcc", "error", 1, type="ResponseCodeError", detail="CertificateInstallationRes: FAILED")
    recorder.add("evcc", "tcp.closed", 0.2, reason="refused", by="us")
    recorder.add(
        "evcc", "session.ended", 0.1, outcome="failed", reason="CertificateInstallationRes says FAILED"
    )
    recorder.add("evcc", "process.ended", 5, exit_code=5)


def silent_session(recorder: Recorder) -> None:
    """The charger stops answering: a request without a response."""
    recorder.add("evcc", "process.ready", 400, pid=103, version="0.1.0", exi_engine="python")
    recorder.connect(40001)
    recorder.exchange(INSTALLING[0])
    recorder.message("evcc", "sent", "SessionSetupReq", 29, 0.4)
    recorder.add("evcc", "timer.expired", 2000, name="V2G_EVCC_Msg_Timeout_SessionSetup", limit_s=2.0)
    recorder.add("evcc", "session.ended", 0.1, outcome="failed", reason="SessionSetupRes did not come")


def demo_run(payloads: Mapping[str, str] | None = None, rounds: int = 6) -> list[Event]:
    """The two sessions of the demo, with both servers."""
    recorder = Recorder(Clock(), payloads or {})
    ready(recorder)
    installing_session(recorder, rounds)
    stored_session(recorder)
    recorder.add("secc", "process.ended", 10, exit_code=0, peak_rss_bytes=61_000_000)
    recorder.add("backend", "process.ended", 10, exit_code=0, peak_rss_bytes=92_000_000)
    return recorder.events


def failing_run(payloads: Mapping[str, str] | None = None) -> list[Event]:
    recorder = Recorder(Clock(), payloads or {})
    ready(recorder)
    failed_session(recorder)
    return recorder.events


def silent_run() -> list[Event]:
    recorder = Recorder(Clock(), {})
    silent_session(recorder)
    return recorder.events


def real_payloads() -> dict[str, str]:
    """EXI of real messages by name, from the published vectors."""
    found: dict[str, str] = {}
    for file in ("exi_appprotocol.jsonl", "exi_iso2.jsonl"):
        for line in (VECTORS / file).read_text().splitlines():
            vector = json.loads(line)
            name = re.search(r"<(?:\w+:)?(\w+Re[qs])\b", vector["xml"])
            if vector["kind"] == "document" and name:
                found.setdefault(name[1][:1].upper() + name[1][1:], vector["exi_hex"])
    return found


def hostile_strings() -> Iterator[str]:
    yield "</script><script>alert(1)</script>"
    yield '"><img src=x onerror=alert(1)>'
    yield "' onmouseover='alert(1)"
    yield "<!--"
    yield "]]>\u2028\u202e\x1b[31m\x00"
    yield "{{7*7}}{% raw %}"


def write_run(directory: Path, events: Sequence[Event]) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    write_trace(directory / "trace.jsonl", events)
    return directory
