import json

import pytest

from evcc.errors import (
    ChargerCertificateError,
    ContractStoreFullError,
    DowngradeError,
    InstallationError,
    InstallationFault,
    NotOfferedError,
    ProtocolViolationError,
    ResponseTimeoutError,
)
from evcc.report import Report, classify
from evcc.run import sentence
from v2g.errors import (
    ConnectError,
    ConnectionClosedError,
    DiscoveryError,
    FramingError,
    InterfaceError,
    MessageError,
    ResponseCodeError,
    SequenceError,
    SignatureError,
    TlsError,
    V2GTimeout,
)

ERRORS: list[tuple[Exception, int, str]] = [
    (V2GTimeout("V2G_EVCC_Ongoing_Timeout", 60), 6, "timeout.V2G_EVCC_Ongoing_Timeout"),
    (ResponseTimeoutError("T", 2, "SessionSetupRes"), 6, "timeout.T.SessionSetupRes"),
    (
        ResponseCodeError("PaymentDetailsRes", "FAILED_CertChainError"),
        7,
        "response_code.FAILED_CertChainError",
    ),
    (InstallationError(InstallationFault.KEY_MISMATCH, "d"), 10, "installation.key_mismatch"),
    (
        InstallationError(InstallationFault.CPS_CERTIFICATE, "d", "expired"),
        10,
        "installation.cps_certificate.expired",
    ),
    (NotOfferedError("AC charging", "DC_core"), 11, "not_offered"),
    (ChargerCertificateError("wrong_domain", "CN=x", "d"), 5, "charger_certificate.wrong_domain"),
    (DowngradeError("plain"), 5, "tls_not_offered"),
    (TlsError("no cipher", "NO_SHARED_CIPHER"), 5, "tls.no_shared_cipher"),
    (TlsError("broken"), 5, "tls"),
    (DiscoveryError("nobody", 50), 3, "no_charger"),
    (InterfaceError("none"), 3, "no_interface"),
    (ConnectError("[::1]:1", "refused"), 4, "no_connection"),
    (ConnectionClosedError("gone"), 9, "connection_lost"),
    (SequenceError("waiting", "SessionStopRes"), 8, "protocol.unexpected_message"),
    (MessageError("bad", "/V2G_Message", 7), 8, "protocol.undecodable_message"),
    (FramingError("3", "version"), 8, "protocol.framing.version"),
    (ProtocolViolationError("SessionSetupRes", "d"), 8, "protocol.violation"),
    (ContractStoreFullError("contracts", "full"), 12, "contract_store"),
    (SignatureError("elsewhere"), 1, "SignatureError"),
]


@pytest.mark.parametrize(("error", "code", "reason"), ERRORS, ids=lambda item: type(item).__name__)
def test_every_error_has_its_code_and_its_word(error: Exception, code: int, reason: str) -> None:
    assert classify(error) == (code, reason)
    report = Report()
    report.fail(error)
    assert (report.exit_code, report.reason, report.detail) == (code, reason, str(error))
    assert report.outcome == ("aborted" if code == 6 else "failed")
    assert reason in sentence(report)


def test_the_summary_is_one_line_of_json() -> None:
    report = Report(emaid="DEPNC0000000010", energy_wh=1 / 3)
    report.succeed()
    line = report.as_json()
    assert b"\n" not in line
    facts = json.loads(line)
    assert facts["outcome"] == "ok"
    assert facts["energy_wh"] == 0.333333
    assert facts["durations"]["waiting_s"] == 0


def test_sentences_for_people() -> None:
    report = Report(emaid="DEPNC0000000010", contract_installed=True, energy_wh=12.34, messages=15)
    report.succeed()
    assert "installed and used" in sentence(report)
    assert "12.3 Wh" in sentence(report)


def test_a_report_is_bad_until_it_is_known_to_be_good() -> None:
    report = Report()
    assert (report.outcome, report.reason, report.exit_code) == ("failed", "unexpected", 1)
