"""How the process ends: one code for each kind of ending."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of ``evcc run``; :data:`EXIT_CODES` and ``evcc --help`` explain them."""

    OK = 0
    UNEXPECTED = 1
    CONFIGURATION = 2
    NO_CHARGER = 3
    NO_CONNECTION = 4
    TLS = 5
    TIMEOUT = 6
    REFUSED = 7
    PROTOCOL = 8
    CONNECTION_LOST = 9
    INSTALLATION = 10
    NOT_OFFERED = 11
    STORE = 12
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.OK: "charged, and the session ended in order",
    ExitCode.UNEXPECTED: "unexpected error; please report it",
    ExitCode.CONFIGURATION: "bad command line, configuration, vehicle folder or contract store",
    ExitCode.NO_CHARGER: "no charger answered the discovery, or there is no interface to ask on",
    ExitCode.NO_CONNECTION: "no TCP connection to the charger",
    ExitCode.TLS: "TLS failed, or the charger's certificate was refused",
    ExitCode.TIMEOUT: "a timer expired",
    ExitCode.REFUSED: "the charger answered with a FAILED code, or with a WARNING that leaves no way on",
    ExitCode.PROTOCOL: "the charger sent what the protocol does not allow",
    ExitCode.CONNECTION_LOST: "the charger closed the connection during the session",
    ExitCode.INSTALLATION: "the delivered contract was refused",
    ExitCode.NOT_OFFERED: "the charger does not offer what the session needs",
    ExitCode.STORE: "the contract could not be stored",
    ExitCode.INTERRUPTED: "broken off by SIGINT; while power flows, only a second one breaks off",
    ExitCode.TERMINATED: "the same by SIGTERM",
}
