"""The charger's configuration: a TOML file, checked whole, with errors that name file, key and reason.

``secc/default.toml`` is the same with every key explained; ``secc config`` prints it.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from secc.errors import ConfigError
from secc.namespaces import ISO20_NAMESPACES
from v2g import protocols
from v2g.endpoint import Endpoint
from v2g.errors import IdentifierError
from v2g.identifiers import Evseid
from v2g.security.dialects import DIALECTS, STANDARD

_PROTOCOLS = tuple(
    edition.key
    for edition in (
        protocols.ISO2,
        protocols.DIN,
        protocols.ISO20_AC,
        protocols.ISO20_DC,
        protocols.ISO20_WPT,
        protocols.ISO20_ACDP,
    )
)
_ISO20 = "iso20-"
NotNegative = Annotated[float, Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables of the file: unknown keys are errors."""


class Network(Section, frozen=True, kw_only=True):
    """``[network]``: where cars find the charger."""

    interface: str = "auto"
    sdp: bool = True
    listen: str = ""
    listen_plain: str = ""
    tls: bool = True
    plain: bool = True
    max_connections: Annotated[int, Meta(ge=1, le=10_000)] = 32
    max_message_bytes: Annotated[int, Meta(ge=1024, le=65535)] = 65535
    protocols: tuple[str, ...] = ("iso2", "iso20-ac", "iso20-dc", "din")
    iso20_plain: bool = False
    iso2_tls13: bool = True
    handshake_timeout_s: Annotated[float, Meta(gt=0, le=18)] = 10.0
    linger_s: Annotated[float, Meta(ge=0, le=5)] = 2.0
    shutdown_grace_s: NotNegative = 2.0


class Certificates(Section, frozen=True, kw_only=True):
    """``[certificates]``: the charger's own chain and key, and the roots it believes in."""

    directory: str = ""
    chain: str = ""
    key: str = ""
    v2g_roots: str = ""
    mo_roots: str = ""
    iso20: str = ""
    oem_roots: str = ""
    vehicle_roots: str = ""


class Backend(Section, frozen=True, kw_only=True):
    """``[backend]``: where contract bundles come from."""

    url: str = ""
    ca: str = ""
    credentials: str = ""
    reserve_s: Annotated[float, Meta(ge=0, le=3)] = 0.25
    max_response_bytes: Annotated[int, Meta(ge=1024)] = 131_072
    iso20_namespace: str = ISO20_NAMESPACES[0]
    verify_bundle: bool = True
    roots: bool = False
    roots_every_s: Annotated[float, Meta(ge=1)] = 3600.0


class Revocation(Section, frozen=True, kw_only=True):
    """``[revocation]``: who is asked at PaymentDetails whether the contract still stands."""

    check: tuple[Literal["ocsp", "crl", "backend"], ...] = ()
    ocsp_url: str = ""
    crl: str = ""
    crl_refresh_s: NotNegative = 300.0
    backend_url: str = ""
    ca: str = ""
    on_silence: Literal["accept", "refuse"] = "accept"
    reserve_s: Annotated[float, Meta(ge=0, le=3)] = 0.25


class Installation(Section, frozen=True, kw_only=True):
    """``[installation]``: the certificate service."""

    offer: bool = True
    update: bool = True
    update_retry_days: Annotated[int, Meta(ge=-1, le=32767)] = 0
    give_up: Literal["message", "ongoing"] = "ongoing"
    answer_after_s: Annotated[float, Meta(gt=0, le=4)] = 1.0


class Payment(Section, frozen=True, kw_only=True):
    """``[payment]``: which ways of identification are offered."""

    contract: bool = True
    external: bool = True
    providers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a charger at which nobody can pay."""
        if not (self.contract or self.external):
            raise ValueError("at least one of contract and external must be true")


class External(Section, frozen=True, kw_only=True):
    """``[external]``: how external identification (a card at the charger) goes."""

    accept: bool = True
    rounds: Annotated[int, Meta(ge=0)] = 0
    delay_s: NotNegative = 0.0


class StationConfig(Section, frozen=True, kw_only=True):
    """``[station]``: the outlets."""

    evse_id: str = "DE*PNC*E00001"
    outlets: Annotated[int, Meta(ge=0, le=500)] = 8
    dc_outlets: Annotated[int, Meta(ge=0, le=499)] = 4
    dc_modes: Annotated[
        tuple[Literal["DC_extended", "DC_core", "DC_combo_core"], ...], Meta(min_length=1)
    ] = (
        "DC_extended",
        "DC_core",
        "DC_combo_core",
    )
    voltage_v: Annotated[float, Meta(ge=100, le=1000)] = 230.0
    max_current_a: Annotated[float, Meta(ge=6, le=80)] = 32.0
    phases: Annotated[int, Meta(ge=1, le=3)] = 3
    bidirectional: bool = True
    meter_id: Annotated[str, Meta(min_length=1, max_length=28)] = "PNC-METER"
    receipt_every: Annotated[int, Meta(ge=0)] = 0

    def __post_init__(self) -> None:
        """Refuse a charger at which nobody can charge."""
        if not self.outlets + self.dc_outlets:
            raise ValueError("there must be an outlet: outlets or dc_outlets")


class Dc(Section, frozen=True, kw_only=True):
    """``[dc]``: the supply behind each DC outlet."""

    max_voltage_v: Annotated[float, Meta(ge=100, le=1500)] = 920.0
    min_voltage_v: Annotated[float, Meta(ge=0, le=1000)] = 150.0
    max_current_a: Annotated[float, Meta(gt=0, le=3000)] = 300.0
    max_power_w: Annotated[float, Meta(gt=0, le=4_000_000)] = 150_000.0
    ramp_v_per_s: Annotated[float, Meta(gt=0)] = 500.0
    ramp_a_per_s: Annotated[float, Meta(gt=0)] = 200.0
    isolation_s: NotNegative = 2.0
    decay_s: Annotated[float, Meta(gt=0)] = 0.2

    def __post_init__(self) -> None:
        """Refuse a supply without a range of voltages."""
        if self.min_voltage_v >= self.max_voltage_v:
            raise ValueError("min_voltage_v must be less than max_voltage_v")


class Schedule(Section, frozen=True, kw_only=True):
    """``[schedule]``: how the charger makes and changes schedules."""

    rounds: Annotated[int, Meta(ge=0)] = 0
    delay_s: NotNegative = 0.0
    power_tolerance_w: NotNegative = 0.0
    discharge_w: NotNegative = 0.0
    renegotiation: bool = True
    standby: bool = True
    price_per_kwh: NotNegative = 0.49
    currency: Annotated[str, Meta(min_length=3, max_length=3)] = "EUR"


class Services(Section, frozen=True, kw_only=True):
    """``[services]``: value-added services of ISO 15118-2, over TLS."""

    internet: tuple[Literal["ftp", "http", "https"], ...] = ()
    use_case: dict[str, str] = msgspec.field(default_factory=dict)


class Tariff(Section, frozen=True, kw_only=True):
    """``[tariff]``: sales tariffs of ISO 15118-2, for cars with a contract."""

    key: str = ""
    levels: Annotated[tuple[Annotated[int, Meta(ge=1, le=255)], ...], Meta(min_length=1, max_length=24)] = (
        3,
        2,
        1,
        2,
    )
    period_s: Annotated[int, Meta(ge=60, le=86_400)] = 21_600
    saver_power_w: NotNegative = 0.0
    saver_levels: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=255)], ...], Meta(min_length=1, max_length=24)
    ] = (1,)


class Pause(Section, frozen=True, kw_only=True):
    """``[pause]``: sessions that cars interrupt and come back to."""

    allow: bool = True
    keep_s: NotNegative = 86_400.0


class Wishes(Section, frozen=True, kw_only=True):
    """``[wishes]``: after how many rounds of the charge loop the charger asks the car for something."""

    pause_after: Annotated[int, Meta(ge=0)] = 0
    schedule_renegotiation_after: Annotated[int, Meta(ge=0)] = 0
    service_renegotiation_after: Annotated[int, Meta(ge=0)] = 0


class Security(Section, frozen=True, kw_only=True):
    """``[security]``: how open points of the standard are read; :data:`v2g.security.dialects.DIALECTS`."""

    dialect: str = STANDARD.name


class Output(Section, frozen=True, kw_only=True):
    """``[output]``: what the charger writes besides its log."""

    trace: str = ""
    capture: str = ""
    key_log: str = ""


class Config(Section, frozen=True, kw_only=True):
    """The whole file. Every key has a default; an empty file is a charger without TLS and backend."""

    network: Network = Network()
    certificates: Certificates = Certificates()
    backend: Backend = Backend()
    revocation: Revocation = Revocation()
    installation: Installation = Installation()
    payment: Payment = Payment()
    external: External = External()
    station: StationConfig = StationConfig()
    dc: Dc = Dc()
    schedule: Schedule = Schedule()
    services: Services = Services()
    tariff: Tariff = Tariff()
    pause: Pause = Pause()
    wishes: Wishes = Wishes()
    security: Security = Security()
    output: Output = Output()


def load(path: Path | str) -> Config:
    """Read a configuration file; raises ConfigError."""
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(str(path), "", error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            str(path), "", f"not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), "", f"not valid TOML: {error}") from error
    return convert(data, str(path))


def override(config: Config, changes: Mapping[str, Any], source: str = "command line") -> Config:
    """Return ``config`` with dotted keys replaced (``network.listen``); raises ConfigError.

    Values are checked like those of the file.
    """
    data = msgspec.to_builtins(config)
    for key, value in changes.items():
        table, name = key.split(".")
        data[table][name] = value
    return convert(data, source)


_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>[^`]*)`")


def convert(data: Mapping[str, Any], source: str) -> Config:
    """Check plain data against the schema above; raises ConfigError that names ``source``."""
    try:
        config = msgspec.convert(data, Config)
    except msgspec.ValidationError as error:
        found = _PLACE.match(str(error))
        key, reason = (found["key"] or "", found["reason"]) if found else ("", str(error))
        unknown = _UNKNOWN.match(reason)
        if unknown:
            key, reason = ".".join(filter(None, (key, unknown["name"]))), "there is no such key"
        raise ConfigError(source, key, reason) from error
    strays = [key for key in config.network.protocols if key not in _PROTOCOLS]
    if strays or not config.network.protocols:
        which = f"{strays[0]!r} is none" if strays else "none is chosen"
        raise ConfigError(source, "network.protocols", f"{which} of {', '.join(_PROTOCOLS)}")
    if config.security.dialect not in DIALECTS:
        reason = f"{config.security.dialect!r} is none of {', '.join(DIALECTS)}"
        raise ConfigError(source, "security.dialect", reason)
    if config.backend.iso20_namespace not in ISO20_NAMESPACES:
        known = ", ".join(ISO20_NAMESPACES)
        raise ConfigError(source, "backend.iso20_namespace", f"unknown; known are {known}")
    for key, text, parse in (
        ("network.listen", config.network.listen, Endpoint.parse),
        ("network.listen_plain", config.network.listen_plain, Endpoint.parse),
        ("backend.url", config.backend.url, _check_url),
        ("revocation.ocsp_url", config.revocation.ocsp_url, _check_url),
        ("revocation.backend_url", config.revocation.backend_url, _check_url),
        (
            "station.evse_id",
            f"{config.station.evse_id}*{config.station.outlets + config.station.dc_outlets}",
            Evseid.parse,
        ),
    ):
        try:
            if text:
                parse(text)
        except (ValueError, IdentifierError) as error:
            raise ConfigError(source, key, str(error)) from error
    return config


def _check_url(text: str) -> None:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{text!r} is not http://HOST[:PORT] or https://HOST[:PORT]")


def check(config: Config, source: str) -> None:
    """Check what only file and flags together can satisfy; raises ConfigError."""
    if "backend" in config.revocation.check and not (config.revocation.backend_url or config.backend.url):
        raise ConfigError(source, "revocation.check", "no backend to ask: give its URL (--backend)")
    if config.backend.roots and not config.backend.url:
        raise ConfigError(source, "backend.roots", "no backend to ask: give its URL (--backend)")
    listen = config.network.listen
    only20 = all(key.startswith(_ISO20) for key in config.network.protocols)
    if only20 and not (config.network.tls or config.network.iso20_plain):
        reason = "ISO 15118-20 needs TLS; for tests without it, set network.iso20_plain"
        raise ConfigError(source, "network.tls", reason)
    if not (config.network.sdp or listen):
        reason = "an address is needed where discovery is off (--listen), such as [::]:0"
        raise ConfigError(source, "network.listen", reason)
    if config.network.sdp and listen and not _is_ipv6(Endpoint.parse(listen)):
        reason = f"{listen}: discovery can only tell an IPv6 address; give one, or switch it off (--no-sdp)"
        raise ConfigError(source, "network.listen", reason)


def _is_ipv6(endpoint: Endpoint) -> bool:
    try:
        return endpoint.ip.version == 6
    except ValueError:  # a name
        return False
