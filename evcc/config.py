"""How a car behaves in a run: a TOML file, or the defaults, with the command line on top."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from evcc import toml
from evcc.errors import ConfigError
from evcc.toml import Section
from v2g import timing
from v2g.endpoint import Endpoint

COMMAND_LINE = "command line"

NotNegative = Annotated[float, Meta(ge=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]


class Payment(StrEnum):
    """How the driver identifies himself: by the car's contract, or at the charger."""

    CONTRACT = "contract"
    EXTERNAL = "external"


class CheckDigit(StrEnum):
    """What to do about a wrong check digit in the eMAID of a delivered contract."""

    REQUIRE = "require"
    IGNORE = "ignore"


class Network(Section, frozen=True):
    """``[network]``: how the charger is found.

    ``interface`` is where SECC discovery asks (``auto`` chooses one); ``connect`` is a HOST:PORT that
    makes discovery unnecessary. Without ``tls`` the car asks for a plain connection, which is for
    external payment only.
    """

    interface: str = "auto"
    connect: str = ""
    tls: bool = True


class Charging(Section, frozen=True):
    """``[charging]``: when the car stops, and how often it looks.

    It stops after ``rounds`` status requests (0: no limit), or when the state of charge reaches
    ``target_soc_percent``. ``interval_s`` lies between two rounds and stays below the 40 s within
    which a car has to send its next request.
    """

    rounds: Annotated[int, Meta(ge=0)] = 10
    target_soc_percent: Percent = 80.0
    interval_s: Annotated[float, Meta(ge=0, lt=timing.SEQUENCE_PERFORMANCE_TIME_S)] = 1.0


class Contract(Section, frozen=True):
    """``[contract]``: when a stored contract is replaced, and what a delivered one must satisfy.

    A contract that ends within ``renew_before_h`` hours counts as expired.
    """

    renew_before_h: NotNegative = 24.0
    check_digit: CheckDigit = CheckDigit.REQUIRE


class Timers(Section, frozen=True):
    """``[timers]``: for experiments that depart from the tables of the standard; seconds.

    ``messages`` maps a message to its V2G_EVCC_Msg_Timeout, as in ``PaymentDetails = 2.0`` (which one
    conformance tester uses). ``ongoing_interval_s`` lies between repeated requests while the charger
    answers Ongoing. ``customer_wait_s`` bounds the wait for a person at the charger, for which sources
    disagree whether V2G_EVCC_Ongoing_Timeout applies; here it does unless told otherwise.
    """

    messages: dict[str, Annotated[float, Meta(gt=0)]] = msgspec.field(default_factory=dict)
    ongoing_s: Annotated[float, Meta(gt=0)] = timing.EVCC_ONGOING_TIMEOUT_S
    ongoing_interval_s: Annotated[float, Meta(ge=0, le=10)] = 0.25
    customer_wait_s: Annotated[float, Meta(gt=0)] = timing.EVCC_ONGOING_TIMEOUT_S
    communication_setup_s: Annotated[float, Meta(gt=0)] = timing.EVCC_COMMUNICATION_SETUP_TIMEOUT_S


class File(Section, frozen=True):
    """The whole file. Every key has a default, so an empty file is a good one."""

    payment: Payment = Payment.CONTRACT
    network: Network = Network()
    charging: Charging = Charging()
    contract: Contract = Contract()
    timers: Timers = Timers()


@dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration."""

    payment: Payment
    interface: str
    connect: Endpoint | None
    tls: bool
    charging: Charging
    renew_before: timedelta
    check_digit: CheckDigit
    timers: Timers

    def message_timeout(self, message: str) -> timing.Limit:
        """Return V2G_EVCC_Msg_Timeout of a message, by any of its names, as configured."""
        limit = timing.ISO2.message_timeout(message)
        seconds = self.timers.messages.get(timing.base_name(message), limit.seconds)
        return timing.Limit(limit.name, seconds, limit.clause)


def load(path: Path | None, overrides: Mapping[str, Any]) -> Config:
    """Read the configuration file (None: defaults), put the command line's ``overrides`` on top, check.

    ``overrides`` maps dotted keys, such as ``charging.rounds``, to values of the file's types. Raises
    :class:`ConfigError` naming the file, or the command line, with key and reason.
    """
    data = {} if path is None else toml.read_table(path)
    source: Path | str = COMMAND_LINE if path is None else path
    checked = toml.convert(data, File, source)
    if overrides:
        merged = msgspec.to_builtins(checked)
        for key, value in overrides.items():
            *tables, name = key.split(".")
            table = merged
            for part in tables:
                table = table[part]
            table[name] = value
        checked = toml.convert(merged, File, COMMAND_LINE)
    return _config(checked, overrides, source)


def _config(file: File, overrides: Mapping[str, Any], source: Path | str) -> Config:
    """Check what concerns several keys and return the configuration."""

    def fail(key: str, reason: str) -> ConfigError:
        return ConfigError(COMMAND_LINE if key in overrides else source, key, reason)

    connect = None
    if file.network.connect:
        try:
            connect = Endpoint.parse(file.network.connect)
        except ValueError as error:
            raise fail("network.connect", str(error)) from error
    if file.payment is Payment.CONTRACT and not file.network.tls:
        raise fail("network.tls", "there is no Plug & Charge without TLS; payment must be external")
    for message in file.timers.messages:
        if message not in timing.EVCC_MESSAGE_TIMEOUT_S:
            known = ", ".join(timing.EVCC_MESSAGE_TIMEOUT_S)
            raise fail(f"timers.messages.{message}", f"there is no such message; there are {known}")
    return Config(
        payment=file.payment,
        interface=file.network.interface,
        connect=connect,
        tls=file.network.tls,
        charging=file.charging,
        renew_before=timedelta(hours=file.contract.renew_before_h),
        check_digit=file.contract.check_digit,
        timers=file.timers,
    )
