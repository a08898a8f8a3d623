"""Errors of the charger's own making; those of the protocol are in :mod:`v2g.errors`."""

from enum import StrEnum


class ConfigError(Exception):
    """The configuration cannot be used; the process ends with ``exit_code``.

    ``source`` is the file (or ``command line``), ``key`` the dotted key (empty: the file as a whole),
    ``reason`` one sentence for a person.
    """

    exit_code = 2

    def __init__(self, source: str, key: str, reason: str) -> None:
        place = f"{source}: {key}" if key else source
        super().__init__(f"{place}: {reason}")
        self.source = source
        self.key = key
        self.reason = reason


class StartError(Exception):
    """The charger cannot start: no interface, address in use. ``reason`` is one sentence for a person."""

    exit_code = 3

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ContactorError(Exception):
    """The contactor did not do what it was told."""


class BundleFailure(StrEnum):
    """Why no contract bundle came; each protocol maps them to its own response codes."""

    LATE = "late"
    """The budget ended before the answer was there."""
    DOWN = "down"
    """No connection, or the backend itself failed."""
    REFUSED = "refused"
    """The backend refused for a reason that none of the others names."""
    GARBLED = "garbled"
    """An answer that is not what was asked for, cannot be read, or is not genuine."""
    NOT_FOUND = "not_found"
    """There is no contract for this car."""
    UNKNOWN_PROVIDER = "unknown_provider"
    """No contract, because nobody knows the provider of a contract that the car asked for."""
    SIGNATURE = "signature"
    """The backend found the request's signature wrong."""
    CHAIN = "chain"
    """The backend does not accept the car's certificate chain."""
    CHAIN_EXPIRED = "chain_expired"
    """A certificate of the car's chain has expired."""
    CHAIN_NOT_YET_VALID = "chain_not_yet_valid"
    """A certificate of the car's chain is not valid yet."""
    REVOKED = "revoked"
    """A certificate of the car's chain is revoked."""


class BundleError(Exception):
    """No usable contract bundle. ``kind`` decides the response code, ``detail`` is for log and trace."""

    def __init__(self, kind: BundleFailure, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
