"""What a session came to: facts gathered on the way, and the one summary at its end."""

from enum import StrEnum
from typing import Any

import msgspec

from evcc.errors import (
    ChargerCertificateError,
    ContractStoreError,
    DowngradeError,
    InstallationError,
    NotOfferedError,
    ProtocolViolationError,
)
from evcc.exit_codes import ExitCode
from v2g.errors import (
    ConnectError,
    ConnectionClosedError,
    DiscoveryError,
    FramingError,
    InterfaceError,
    MessageError,
    ResponseCodeError,
    SequenceError,
    TlsError,
    V2GTimeout,
)


class Stop(StrEnum):
    """Why charging ended."""

    ROUNDS = "rounds"
    TARGET = "target_soc"
    FULL = "battery_full"
    CHARGER = "charger_asked"
    FAULT_CURRENT = "fault_current"
    DRIVER = "driver"
    EMPTIED = "discharge_limit"
    PAUSE = "pause"
    RENEGOTIATION = "renegotiation"
    SERVICE_RENEGOTIATION = "service_renegotiation"


class Outcome(StrEnum):
    """Whether a session was good, failed, or was broken off from our side."""

    OK = "ok"
    FAILED = "failed"
    ABORTED = "aborted"


class Durations(msgspec.Struct, omit_defaults=False):
    """Where the time went, in seconds; None for what did not take place.

    ``session_s`` runs from the TCP connection to the response of SessionStop (or the failure),
    ``waiting_s`` of it were pauses of the charging loop. ``installation_s`` is the wait for the
    CertificateInstallationRes, ``checking_s`` what checking and storing it took.
    """

    discovery_s: float | None = None
    connect_s: float | None = None
    tls_s: float | None = None
    installation_s: float | None = None
    checking_s: float | None = None
    session_s: float | None = None
    waiting_s: float = 0.0
    total_s: float = 0.0


class Report(msgspec.Struct):
    """A session as it went; what ``--json`` prints. ``reason`` is a stable word, ``detail`` a sentence.

    ``protocol`` is the short name of the edition; ``service`` and ``control`` are those of -20,
    ``energy_transfer_mode`` is that of -2 and DIN, ``schedule`` the id of the one chosen there, and ``priced``
    whether it was chosen by a sales tariff; ``internet`` is the protocol of the internet access that was taken.
    ``contracts_installed`` are eMAIDs; ``energy_wh`` went into the battery, ``discharged_wh`` came out.

    Until :meth:`succeed` or :meth:`fail` says otherwise it is one that ended by a defect of this program.
    """

    outcome: Outcome = Outcome.FAILED
    reason: str = "unexpected"
    detail: str = ""
    exit_code: int = ExitCode.UNEXPECTED
    charger: str = ""
    protocol: str | None = None
    service: str | None = None
    control: str | None = None
    energy_transfer_mode: str | None = None
    schedule: int | None = None
    priced: bool = False
    internet: str | None = None
    session_id: str | None = None
    evse_id: str | None = None
    payment: str | None = None
    contract_installed: bool = False
    contract_updated: bool = False
    contracts_installed: list[str] = []
    emaid: str | None = None
    energy_wh: float = 0.0
    discharged_wh: float = 0.0
    soc_percent: float = 0.0
    rounds: int = 0
    receipts: int = 0
    pauses: int = 0
    resumed: bool = False
    renegotiations: int = 0
    stopped_by: Stop | None = None
    messages: int = 0
    exi_engine: str = ""
    durations: Durations = msgspec.field(default_factory=Durations)

    @property
    def charging(self) -> bool:
        """Whether power flows, so that leaving means to end charging first."""
        return self.rounds > 0 and self.stopped_by is None

    def as_json(self) -> bytes:
        """Return the summary as one JSON object on one line."""
        return msgspec.json.encode(_rounded(msgspec.to_builtins(self)))

    def succeed(self) -> None:
        """Take down that the session went to its end."""
        self.outcome, self.reason, self.exit_code = Outcome.OK, "", ExitCode.OK

    def fail(self, error: Exception) -> None:
        """Take down why the session ended early; ``error`` is one that :func:`classify` knows."""
        exit_code, self.reason = classify(error)
        self.exit_code = exit_code
        aborted = exit_code in {ExitCode.TIMEOUT, ExitCode.INTERRUPTED}
        self.outcome = Outcome.ABORTED if aborted else Outcome.FAILED
        self.detail = str(error)


def classify(error: Exception) -> tuple[ExitCode, str]:
    """Return the exit code of an error and the stable word for it."""
    match error:
        case V2GTimeout():
            message = getattr(error, "message", "")
            return ExitCode.TIMEOUT, f"timeout.{error.name}{f'.{message}' if message else ''}"
        case ResponseCodeError():
            return ExitCode.REFUSED, f"response_code.{error.code}"
        case InstallationError():
            rule = f".{error.rule}" if error.rule else ""
            return ExitCode.INSTALLATION, f"installation.{error.fault}{rule}"
        case NotOfferedError():
            return ExitCode.NOT_OFFERED, "not_offered"
        case ChargerCertificateError():
            return ExitCode.TLS, f"charger_certificate.{error.rule}"
        case DowngradeError():
            return ExitCode.TLS, "tls_not_offered"
        case TlsError():
            return ExitCode.TLS, f"tls.{error.code.lower()}" if error.code else "tls"
        case DiscoveryError():
            return ExitCode.NO_CHARGER, "no_charger"
        case InterfaceError():
            return ExitCode.NO_CHARGER, "no_interface"
        case ConnectError():
            return ExitCode.NO_CONNECTION, "no_connection"
        case ConnectionClosedError():
            return ExitCode.CONNECTION_LOST, "connection_lost"
        case SequenceError():
            return ExitCode.PROTOCOL, "protocol.unexpected_message"
        case MessageError():
            return ExitCode.PROTOCOL, "protocol.undecodable_message"
        case FramingError():
            return ExitCode.PROTOCOL, f"protocol.framing.{error.field}"
        case ProtocolViolationError():
            return ExitCode.PROTOCOL, "protocol.violation"
        case ContractStoreError():
            return ExitCode.STORE, "contract_store"
    return ExitCode.UNEXPECTED, type(error).__name__


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return value
