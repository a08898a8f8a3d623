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
from v2g.errors import IdentifierError
from v2g.identifiers import Emaid
from v2g.protocols import DIN, ISO2, ISO20_AC, ISO20_DC, Edition
from v2g.security.dialects import DIALECTS, STANDARD, Dialect

COMMAND_LINE = "command line"

SPOKEN: Mapping[str, Edition] = {edition.key: edition for edition in (ISO20_DC, ISO20_AC, ISO2, DIN)}
"""The protocol editions that the car speaks by their short names, those it likes best first."""

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


class Current(StrEnum):
    """Which kind of current the car takes in ISO 15118-2: DC before AC, or one of them only."""

    AUTO = "auto"
    AC = "ac"
    DC = "dc"


class Renewal(StrEnum):
    """How a -2 car replaces a contract that is about to end: by a new installation, or by CertificateUpdate."""

    INSTALLATION = "installation"
    UPDATE = "update"


class Control(StrEnum):
    """Who decides about the power in ISO 15118-20: the car within a schedule, or the charger."""

    SCHEDULED = "scheduled"
    DYNAMIC = "dynamic"


class Direction(StrEnum):
    """Which way energy is to flow; back to the grid only where car and charger are bidirectional."""

    CHARGE = "charge"
    DISCHARGE = "discharge"


class Network(Section, frozen=True):
    """``[network]``: how the charger is found.

    ``interface`` is where SECC discovery asks (``auto`` chooses one); ``connect`` is a HOST:PORT that
    makes discovery unnecessary. Without ``tls`` the car asks for a plain connection, which is for
    external payment only. With ``internet`` a -2 car takes internet access where the charger offers it: by https,
    or else by http.
    """

    interface: str = "auto"
    connect: str = ""
    tls: bool = True
    internet: bool = False


class Charging(Section, frozen=True):
    """``[charging]``: what the car wants, when it stops, and how often it looks.

    It stops after ``rounds`` status requests (0: no limit), or when the state of charge reaches
    ``target_soc_percent``. ``interval_s`` lies between two rounds of AC charging in -2 and stays below the
    40 s within which a car has to send its next request; ``loop_interval_s`` lies between two rounds of DC
    charging and of -20, where the charger waits 0.5 s.

    ``current`` is which kind it takes in -2, where a charger may have both: DC where car and charger can, unless
    told otherwise. After ``renegotiate_after_rounds`` rounds (0: never) a -2 car asks for a new schedule, once.
    After ``pause_after_rounds`` rounds (0: never) the session is paused (-2 and -20), and resumed ``pause_s``
    later; that long the car waits too when the charger wants the pause (-20), which it may ``max_pauses``
    times; then the car leaves.

    Of -20 are the rest: ``control``, whether a bidirectional service is preferred, the ``direction`` in it,
    and ``departure_s`` seconds until the driver leaves. With ``check_in`` the vehicle checks in before it
    charges, and out afterwards.
    """

    rounds: Annotated[int, Meta(ge=0)] = 10
    target_soc_percent: Percent = 80.0
    interval_s: Annotated[float, Meta(ge=0, lt=timing.SEQUENCE_PERFORMANCE_TIME_S)] = 1.0
    loop_interval_s: Annotated[float, Meta(ge=0, lt=timing.ISO20_SEQUENCE_TIMEOUT_AFTER_CHARGE_LOOP_S)] = 0.25
    current: Current = Current.AUTO
    renegotiate_after_rounds: Annotated[int, Meta(ge=0)] = 0
    control: Control = Control.SCHEDULED
    bidirectional: bool = False
    direction: Direction = Direction.CHARGE
    departure_s: Annotated[int, Meta(ge=1, le=0xFFFF_FFFF)] = 28_800
    pause_after_rounds: Annotated[int, Meta(ge=0)] = 0
    pause_s: NotNegative = 10.0
    max_pauses: Annotated[int, Meta(ge=0)] = 3
    check_in: bool = False


class Contract(Section, frozen=True):
    """``[contract]``: when a stored contract is replaced, and what a delivered one must satisfy.

    A contract that ends within ``renew_before_h`` hours counts as expired. ``renewal`` is how a -2 car replaces
    one that is still valid; one that has run out can only be installed anew.

    For -20: ``maximum`` is how many contracts are asked for in one installation, ``prioritized_emaids``
    which of them first, ``dialect`` one of :data:`v2g.security.dialects.DIALECTS`. With
    ``fallback_external`` the driver identifies himself at the charger when there is no contract to be had;
    otherwise the session ends.
    """

    renew_before_h: NotNegative = 24.0
    renewal: Renewal = Renewal.INSTALLATION
    check_digit: CheckDigit = CheckDigit.REQUIRE
    maximum: Annotated[int, Meta(ge=1, le=8)] = 5
    prioritized_emaids: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    fallback_external: bool = False
    dialect: str = STANDARD.name


class Timers(Section, frozen=True):
    """``[timers]``: for experiments that depart from the tables of the standard; seconds.

    ``messages`` maps a message to its V2G_EVCC_Msg_Timeout, as in ``PaymentDetails = 2.0`` (which one
    conformance tester uses). ``ongoing_interval_s`` lies between repeated requests while the charger
    answers Ongoing. ``customer_wait_s`` bounds the wait for a person at the charger, for which sources
    disagree whether V2G_EVCC_Ongoing_Timeout applies; here it does unless told otherwise.
    ``cable_check_s`` and ``pre_charge_s`` bound these two parts of DC charging.
    """

    messages: dict[str, Annotated[float, Meta(gt=0)]] = msgspec.field(default_factory=dict)
    ongoing_s: Annotated[float, Meta(gt=0)] = timing.EVCC_ONGOING_TIMEOUT_S
    ongoing_interval_s: Annotated[float, Meta(ge=0, le=10)] = 0.25
    customer_wait_s: Annotated[float, Meta(gt=0)] = timing.EVCC_ONGOING_TIMEOUT_S
    communication_setup_s: Annotated[float, Meta(gt=0)] = timing.EVCC_COMMUNICATION_SETUP_TIMEOUT_S
    cable_check_s: Annotated[float, Meta(gt=0)] = timing.EVCC_CABLE_CHECK_TIMEOUT_S
    pre_charge_s: Annotated[float, Meta(gt=0)] = timing.EVCC_PRE_CHARGE_TIMEOUT_S

    @property
    def cable_check(self) -> timing.Limit:
        """The timer of the cable check."""
        return timing.Limit("V2G_EVCC_CableCheck_Timeout", self.cable_check_s, "[Table 109][-20, Table 215]")

    @property
    def pre_charge(self) -> timing.Limit:
        """The timer of pre-charging."""
        return timing.Limit("V2G_EVCC_PreCharge_Timeout", self.pre_charge_s, "[Table 109][-20, Table 215]")

    def ongoing(self, usual: timing.Limit) -> timing.Limit:
        """Return an edition's V2G_EVCC_Ongoing_Timeout as configured."""
        return timing.Limit(usual.name, self.ongoing_s, usual.clause)


class File(Section, frozen=True):
    """The whole file. Every key has a default, so an empty file is a good one.

    ``protocols`` are keys of :data:`SPOKEN` in the order of preference; none means all that the vehicle
    folder has the certificates and settings for. With DIN 70121 alone, payment is external and without TLS.
    """

    payment: Payment = Payment.CONTRACT
    protocols: tuple[str, ...] = ()
    network: Network = Network()
    charging: Charging = Charging()
    contract: Contract = Contract()
    timers: Timers = Timers()


@dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration. ``protocols`` is empty when the vehicle decides."""

    payment: Payment
    protocols: tuple[str, ...]
    interface: str
    connect: Endpoint | None
    tls: bool
    internet: bool
    charging: Charging
    contract: Contract
    timers: Timers

    @property
    def renew_before(self) -> timedelta:
        """What a contract must still be valid for."""
        return timedelta(hours=self.contract.renew_before_h)

    @property
    def check_digit(self) -> CheckDigit:
        """What to do about a wrong check digit."""
        return self.contract.check_digit

    @property
    def dialect(self) -> Dialect:
        """How open points of -20 are read."""
        return DIALECTS[self.contract.dialect]

    def message_timeout(self, message: str, table: timing.Timing = timing.ISO2) -> timing.Limit:
        """Return V2G_EVCC_Msg_Timeout of a message, by any of its names, as configured for an edition."""
        limit = table.message_timeout(message)
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

    if file.protocols == (DIN.key,):
        for key, excluded in (
            ("payment", file.payment is Payment.CONTRACT),
            ("network.tls", file.network.tls),
        ):
            if excluded and key in overrides:
                raise fail(key, "DIN 70121 knows neither contracts nor TLS")
        plain = msgspec.structs.replace(file.network, tls=False)
        file = msgspec.structs.replace(file, payment=Payment.EXTERNAL, network=plain)

    connect = None
    if file.network.connect:
        try:
            connect = Endpoint.parse(file.network.connect)
        except ValueError as error:
            raise fail("network.connect", str(error)) from error
    if file.payment is Payment.CONTRACT and not file.network.tls:
        raise fail("network.tls", "there is no Plug & Charge without TLS; payment must be external")
    if problem := _protocol_problem(file.protocols):
        raise fail("protocols", problem)
    if file.charging.direction is Direction.DISCHARGE and not file.charging.bidirectional:
        raise fail("charging.direction", "to discharge, charging.bidirectional must be true")
    if file.contract.dialect not in DIALECTS:
        reason = f"there is no dialect {file.contract.dialect!r}; there are {', '.join(DIALECTS)}"
        raise fail("contract.dialect", reason)
    for emaid in file.contract.prioritized_emaids:
        try:
            Emaid.parse(emaid)
        except IdentifierError as error:
            raise fail("contract.prioritized_emaids", str(error)) from error
    if len(file.contract.prioritized_emaids) > file.contract.maximum:
        raise fail("contract.prioritized_emaids", f"more than contract.maximum = {file.contract.maximum}")
    for message in file.timers.messages:
        if message not in _MESSAGES:
            known = ", ".join(_MESSAGES)
            raise fail(f"timers.messages.{message}", f"there is no such message; there are {known}")
    return Config(
        payment=file.payment,
        protocols=file.protocols,
        interface=file.network.interface,
        connect=connect,
        tls=file.network.tls,
        internet=file.network.internet,
        charging=file.charging,
        contract=file.contract,
        timers=file.timers,
    )


_MESSAGES = tuple(
    dict.fromkeys(name for edition in SPOKEN.values() for name in edition.timing.evcc_message_timeout_s)
)


def _protocol_problem(protocols: tuple[str, ...]) -> str:
    """Return what is wrong with a list of protocols, nothing if it is good."""
    unknown = [name for name in protocols if name not in SPOKEN]
    if unknown:
        return f"there is no protocol {unknown[0]!r}; there are {', '.join(SPOKEN)}"
    return "a protocol is named twice" if len(set(protocols)) != len(protocols) else ""
