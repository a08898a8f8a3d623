"""What can go wrong in the car beyond the errors of :mod:`v2g.errors`."""

from enum import StrEnum
from os import PathLike
from pathlib import Path

from v2g.errors import V2GError


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


class InstallationFault(StrEnum):
    """Why the car turns a CertificateInstallationRes down; in the order in which it looks."""

    CPS_CERTIFICATE = "cps_certificate"
    SIGNATURE = "signature"
    CONTRACT_CERTIFICATE = "contract_certificate"
    EMAID_SYNTAX = "emaid_syntax"
    EMAID_CHECK_DIGIT = "emaid_check_digit"
    EMAID_MISMATCH = "emaid_mismatch"
    KEY_ENVELOPE = "key_envelope"
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
