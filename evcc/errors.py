"""What can go wrong in the car beyond the errors of :mod:`v2g.errors`."""

from enum import StrEnum
from os import PathLike
from pathlib import Path

from v2g.errors import ResponseCodeError, V2GError, V2GTimeout


class ConfigError(Exception):
    """A file that a person wrote cannot be used: ``file``, the ``key`` in it (may be empty), the ``reason``."""

    def __init__(self, file: str | PathLike[str], key: str, reason: str) -> None:
        place = f"{file}: {key}" if key else f"{file}"
        super().__init__(f"{place}: {reason}")
        self.file = Path(file)
        self.key = key
        self.reason = reason


class ContractStoreError(Exception):
    """The contract store cannot be read or written: ``file`` is the damaged or unwritable one."""

    def __init__(self, file: str | PathLike[str], reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = Path(file)
        self.reason = reason


class ContractStoreDamagedError(ContractStoreError):
    """What the store holds is not what was stored; nothing was changed."""


class ContractStoreFullError(ContractStoreError):
    """The store holds as many contracts as it may, all of them still good."""


class ContractNotFoundError(ContractStoreError):
    """No contract of that name is stored."""


class ProtocolViolationError(V2GError):
    """The charger sent a well-formed message that breaks a rule: ``message`` is its name."""

    def __init__(self, message: str, detail: str) -> None:
        super().__init__(f"{message}: {detail}")
        self.message = message
        self.detail = detail


class NotOfferedError(V2GError):
    """The charger does not offer what this session needs; ``what`` names it."""

    def __init__(self, what: str, offered: str) -> None:
        super().__init__(f"the charger does not offer {what} (it offers {offered})")
        self.what = what
        self.offered = offered


class NoContractError(ResponseCodeError):
    """The charger has no contract for this car: a WARNING of CertificateInstallationRes says why."""


class InstallationFault(StrEnum):
    """Why the car turns a CertificateInstallationRes down; in the order in which it looks."""

    CPS_CERTIFICATE = "cps_certificate"
    SIGNATURE = "signature"
    CONTRACT_CERTIFICATE = "contract_certificate"
    EMAID_SYNTAX = "emaid_syntax"
    EMAID_CHECK_DIGIT = "emaid_check_digit"
    EMAID_MISMATCH = "emaid_mismatch"
    KEY_ENVELOPE = "key_envelope"
    KEY_DECRYPTION = "key_decryption"
    KEY_OUT_OF_RANGE = "key_out_of_range"
    KEY_MISMATCH = "key_mismatch"


class InstallationError(V2GError):
    """A delivered contract is refused; nothing of it is stored.

    ``fault`` is the check that failed, ``detail`` one sentence; ``rule`` is the broken certificate rule
    where the fault is about a certificate.
    """

    def __init__(self, fault: InstallationFault, detail: str, rule: str | None = None) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail
        self.rule = rule


class ResponseTimeoutError(V2GTimeout):
    """The car waited for ``message`` until the timer ``name`` expired after ``limit_s`` seconds."""

    def __init__(self, name: str, limit_s: float, message: str) -> None:
        super().__init__(name, limit_s)
        self.message = message

    def __str__(self) -> str:
        """Return the timer, its limit, and what did not come."""
        return f"{self.name} expired after {self.limit_s:g} s: no {self.message}"


class ChargerCertificateError(V2GError):
    """TLS accepted the charger's certificate, but it is none of a charger; ``rule`` is what it breaks."""

    def __init__(self, rule: str, subject: str, detail: str) -> None:
        super().__init__(f"the charger's certificate is refused: {rule}: {subject}: {detail}")
        self.rule = rule
        self.subject = subject
        self.detail = detail


class DowngradeError(V2GError):
    """The charger answered the discovery with a plain connection although the car asked for TLS."""
