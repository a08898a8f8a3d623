"""What a person at the terminal sees of a session: a sink that tells the trace in short lines."""

from collections.abc import Callable
from typing import Any

from v2g.trace import Record

_NAME_WIDTH = 30
_ROUNDS = {"ChargingStatus", "CurrentDemand", "AC_ChargeLoop", "DC_ChargeLoop"}


class ConsoleSink:
    """Writes one line for each event that matters to a person; ``write_line`` takes them."""

    def __init__(self, write_line: Callable[[str], None] = print) -> None:
        self._write_line = write_line
        self._began_at: float | None = None
        self._request_bytes = 0
        self._tellers: dict[str, Callable[[Record], str | None]] = {
            "sdp.received": _tell_discovery,
            "tcp.connected": lambda event: f"connected to {event['peer']}",
            "tls.established": _tell_tls,
            "message.sent": self._note_request,
            "message.received": self._tell_response,
            "message.rejected": lambda event: f"rejected what came: {event['reason']}",
            "signature.verified": _tell_verified,
            "certificate.rejected": _tell_rejected,
            "contract.installed": _tell_installed,
            "protocol.chosen": lambda event: f"speaking {event['name']}",
            "contract.used": lambda event: f"using contract {event['emaid']}",
            "contract.dropped": lambda event: f"contract {event['emaid']} dropped: {event['detail']}",
            "response.warning": lambda event: f"{event['name']} warns: {event['code']}",
            "schedule.chosen": _tell_schedule,
            "service.selected": lambda event: f"{event['service']} with {event['control']} control",
            "charging": _tell_round,
            "timer.expired": lambda event: f"timer {event['name']} expired after {event['limit_s']:g} s",
        }

    def write(self, record: Record) -> None:
        """Tell one event, if it is one to be told."""
        if self._began_at is None:
            self._began_at = record["t"]
        teller = self._tellers.get(record["kind"])
        text = teller(record) if teller is not None else None
        if text is not None:
            self._write_line(f"{record['t'] - self._began_at:9.3f} s  {text}")

    def close(self) -> None:
        """Do nothing."""

    def _note_request(self, event: Record) -> None:
        self._request_bytes = event["bytes"]

    def _tell_response(self, event: Record) -> str | None:
        name = str(event["name"]).removesuffix("Res")
        if name in _ROUNDS:
            return None  # the round that follows says more
        size = f"{self._request_bytes} → {event['bytes']} bytes"
        elapsed = event.get("elapsed_s")
        took = f"{elapsed * 1000:8.1f} ms" if elapsed is not None else ""
        limit = event.get("limit_s")
        of = f" of {limit:g} s" if limit is not None else ""
        return f"{name:<{_NAME_WIDTH}} {size:>18} {took}{of}  {event.get('response_code', '')}".rstrip()


def _tell_discovery(event: Record) -> str:
    return f"found a charger at {event.get('address', '?')}, security {event.get('security', '?')}"


def _tell_tls(event: Record) -> str:
    return f"{event['version']} {event['cipher']} with {event.get('peer_subject', '?')}"


def _tell_verified(event: Record) -> str:
    return f"the signature over {', '.join(event['references'])} is good"


def _tell_rejected(event: Record) -> str:
    return f"certificate refused: {event['rule']}: {event['subject']}: {event['detail']}"


def _tell_installed(event: Record) -> str:
    return f"contract {event['emaid']} installed, valid until {event['valid_until']}"


def _tell_schedule(event: Record) -> str:
    cost = f", {event['cost']:.2f} {event['unit']} for what is wanted" if "cost" in event else ""
    return f"schedule {event['id']} of {event['of']} chosen{cost}"


def _tell_round(event: Record) -> str:
    figures: dict[str, Any] = dict(event)
    given_wh = figures.get("discharged_wh", 0.0)
    given = f"  {given_wh:9.1f} Wh given" if given_wh else ""
    return (
        f"charging, round {figures['round']:>3}:  {figures['power_w'] / 1000:6.2f} kW"
        f"  {figures['energy_wh']:9.1f} Wh taken{given}  {figures['soc_percent']:5.1f} % full"
    )
