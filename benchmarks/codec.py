"""What encoding and decoding a message costs, from and to Python objects: ``python -m benchmarks.codec [--json]``."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import exi
from v2g.messages import iso2

VECTORS = Path(__file__).parent.parent / "tests" / "vectors" / "exi_iso2.jsonl"

MESSAGES = {
    "SessionSetupReq": "iso2_session_setup_req",
    "ChargingStatusRes": "iso2_charging_status_res",
    "CurrentDemandReq": "iso2_current_demand_req",
    "CertificateInstallationReq, signed": "iso2_certificate_installation_req",
    "CertificateInstallationRes, signed": "iso2_certificate_installation_res",
}

ROUNDS = 25
SECONDS_PER_ROUND = 0.01


class Row(NamedTuple):
    """Median times of one message in microseconds."""

    message: str
    size: int
    encode_us: float
    decode_us: float


def run() -> list[Row]:
    """Measure every message with the engine that is installed."""
    vectors = {}
    for line in VECTORS.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        vectors[record["name"]] = bytes.fromhex(record["exi_hex"])
    rows = []
    for message, name in MESSAGES.items():
        data = vectors[name]
        value = exi.decode(data, iso2.SCHEMA)
        encode_us = _median_us(lambda value=value: exi.encode(value, iso2.SCHEMA))  # type: ignore[misc]
        decode_us = _median_us(lambda data=data: exi.decode(data, iso2.SCHEMA))  # type: ignore[misc]
        rows.append(Row(message, len(data), encode_us, decode_us))
    return rows


def _median_us(action: Callable[[], object]) -> float:
    """Return the median over some rounds of calls, long enough each for the clock not to matter.

    First come as many calls as it takes until every type of the message has its plan.
    """
    for _ in range(200):
        action()
    start = perf_counter()
    action()
    calls = max(1, int(SECONDS_PER_ROUND / (perf_counter() - start)))
    rounds = []
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(calls):
            action()
        rounds.append((perf_counter() - start) / calls * 1e6)
    return median(rounds)


def report(rows: list[Row]) -> str:
    """Return the rows as a table."""
    lines = [f"{'median µs, engine: ' + exi.engine_name():36}{'bytes':>7}{'encode':>9}{'decode':>9}"]
    lines += (f"{row.message:36}{row.size:7}{row.encode_us:9.1f}{row.decode_us:9.1f}" for row in rows)
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.codec",
        description="What encoding and decoding a message costs, with the engine that is installed.",
        epilog="example: PNCLAB_EXI_ENGINE=python python -m benchmarks.codec --json",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(arguments)
    rows = run()
    if options.json:
        print(json.dumps({"engine": exi.engine_name(), "rows": [row._asdict() for row in rows]}))
    else:
        print(report(rows))


if __name__ == "__main__":
    main()
