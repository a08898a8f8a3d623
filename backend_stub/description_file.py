"""Reads the description of a market from its TOML file.

Parsing only: nothing is opened here. Paths are resolved against the folder of the file.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from backend_stub.description import (
    Address,
    Description,
    DescriptionError,
    Entitlement,
    EventRules,
    Maker,
    Msp,
    Pins,
    Policy,
    Provider,
)
from backend_stub.roles import Role

_LETTERS_DIGITS_3 = re.compile(r"[0-9A-Z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WMI = re.compile(r"[0-9A-HJ-NPR-Z]{3}")
_HOST = re.compile(r"[0-9a-z:.-]{1,253}")
_LONGEST_RETRY_S = 7 * 24 * 3600
_PORTS = range(1, 0x10000)
_PORT_DIGITS = 5


def load(path: Path) -> Description:
    """Read a description. Raises DescriptionError naming the file, the key and the reason."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DescriptionError(path, "", f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DescriptionError(path, "", f"is not UTF-8 at byte {error.start}") from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DescriptionError(path, "", f"is not TOML: {error}") from error
    try:
        file = msgspec.convert(raw, _File)
    except msgspec.ValidationError as error:
        raise DescriptionError(path, *_place(error)) from error
    return _Reader(path, file, raw).read()


class _Section(msgspec.Struct, forbid_unknown_fields=True):
    """A table of the file, as it stands in it."""


class _MarketSection(_Section):
    name: str


class _PolicySection(_Section):
    peer_timeout_ms: int = 3000
    entitlement: Entitlement = Entitlement.CODE
    remake_contracts: bool = False
    keep_events_days: int = 90
    webhook_hosts: list[str] = []
    webhook_retries_s: tuple[float, ...] = (3600.0,) * 3


class _RootsSection(_Section):
    v2g: list[str] = []
    oem: list[str] = []
    mo: list[str] = []


class _ProviderSection(_Section):
    name: str
    roots: _RootsSection
    listen: str = ""
    url: str = ""
    pki: str = ""
    database: str = ""
    roles: list[Role] | None = None
    peers: list[str] = []
    role_listen: dict[Role, str] = {}
    role_secret: str = ""
    operator_id: str = ""
    credentials: dict[str, str] = {}


class _MakerSection(_Section):
    wmi: str
    provider: str
    regions: dict[str, list[str]]
    default_region: str = ""


class _MspSection(_Section):
    country: str
    provider_id: str
    provider: str


class _RegisterSection(_Section):
    provider: str


class _File(_Section):
    market: _MarketSection
    provider: list[_ProviderSection]
    provider_ids: dict[str, dict[str, str]] = {}
    maker: list[_MakerSection] = []
    msp: list[_MspSection] = []
    register: _RegisterSection | None = None
    policy: _PolicySection = msgspec.field(default_factory=_PolicySection)
    # Read by the modules whose they are.
    access: Any = None
    authority: Any = None
    events: Any = None
    client: list[Any] = []


class _Reader:
    """Checks what one key alone cannot show, and makes values out of text."""

    def __init__(self, path: Path, file: _File, raw: Mapping[str, Any]) -> None:
        self._path = path
        self._file = file
        self._raw = raw
        self._folder = path.absolute().parent

    def read(self) -> Description:
        names = self._names()
        makers = self._makers(names)
        msps = self._msps(names)
        providers = [
            self._provider(index, section, makers.get(section.name), msps.get(section.name))
            for index, section in enumerate(self._file.provider)
        ]
        self._check_addresses(providers)
        self._check_roots_for_regions(providers)
        register = self._file.register
        if register is not None:
            self._known("register.provider", register.provider, names)
        return Description(
            path=self._path,
            name=self._file.market.name,
            providers=providers,
            policy=self._policy(),
            register_provider=register.provider if register else providers[0].name,
            raw=self._raw,
        )

    def _policy(self) -> Policy:
        section = self._file.policy
        if section.peer_timeout_ms < 1:
            raise self._error("policy.peer_timeout_ms", "must be at least 1")
        if section.keep_events_days < 0:
            raise self._error("policy.keep_events_days", "must not be negative; 0 keeps them for ever")
        for index, host in enumerate(section.webhook_hosts):
            self._matches(f"policy.webhook_hosts[{index}]", host, _HOST, "a host name or address, no port")
        for index, delay_s in enumerate(section.webhook_retries_s):
            if not 0 < delay_s <= _LONGEST_RETRY_S:
                raise self._error(
                    f"policy.webhook_retries_s[{index}]", f"must be up to {_LONGEST_RETRY_S} seconds"
                )
        rules = EventRules(
            keep_days=section.keep_events_days,
            webhook_hosts=frozenset(section.webhook_hosts),
            webhook_retries_s=section.webhook_retries_s,
        )
        return Policy(section.peer_timeout_ms / 1000, section.entitlement, rules, section.remake_contracts)

    def _names(self) -> Sequence[str]:
        names: list[str] = []
        if not self._file.provider:
            raise self._error("provider", "at least one is needed")
        for index, section in enumerate(self._file.provider):
            key = f"provider[{index}].name"
            self._matches(key, section.name, _NAME, "lower-case letters, digits and -, at most 32")
            if section.name in names:
                raise self._error(key, f"{section.name!r} is the name of another provider")
            names.append(section.name)
        return names

    def _provider(
        self, index: int, section: _ProviderSection, maker: Maker | None, msp: Msp | None
    ) -> Provider:
        key = f"provider[{index}]"
        names = [other.name for other in self._file.provider]
        for peer in section.peers:
            self._known(f"{key}.peers", peer, names)
            if peer == section.name:
                raise self._error(f"{key}.peers", "a provider is not its own peer")
        if len(set(section.peers)) != len(section.peers):
            raise self._error(f"{key}.peers", "a name stands twice")
        listen = self._address(f"{key}.listen", section.listen) if section.listen else None
        url = section.url.rstrip("/") or (listen.url if listen else "")
        if not url.startswith(("http://", "https://")):
            raise self._error(f"{key}.{'url' if section.url else 'listen'}", "an address is needed")
        if section.pki and (listen is None or not section.database):
            missing = "listen" if listen is None else "database"
            raise self._error(f"{key}.{missing}", "is needed for a provider that is run here")
        if section.operator_id:
            self._matches(f"{key}.operator_id", section.operator_id, _LETTERS_DIGITS_3, "three of 0-9 A-Z")
        for peer in section.credentials:
            self._known(f"{key}.credentials", peer, section.peers)
        return Provider(
            name=section.name,
            url=url,
            pins=self._pins(key, section.roots),
            peers=tuple(section.peers),
            pki=self._folder / section.pki if section.pki else None,
            database=self._database(section.database),
            listen=listen,
            roles=frozenset(Role if section.roles is None else section.roles),
            role_listen={
                role: self._address(f"{key}.role_listen.{role}", text)
                for role, text in section.role_listen.items()
            },
            role_secret=self._folder / section.role_secret if section.role_secret else None,
            operator_id=section.operator_id,
            maker=maker,
            msp=msp,
            credentials={peer: self._folder / file for peer, file in section.credentials.items()},
        )

    def _makers(self, names: Sequence[str]) -> Mapping[str, Maker]:
        makers: dict[str, Maker] = {}
        for index, section in enumerate(self._file.maker):
            key = f"maker[{index}]"
            self._matches(f"{key}.wmi", section.wmi, _WMI, "three of 0-9 A-Z without I, O and Q")
            self._known(f"{key}.provider", section.provider, names)
            if section.provider in makers:
                raise self._error(f"{key}.provider", f"{section.provider!r} has a maker already")
            if any(section.wmi == other.wmi for other in makers.values()):
                raise self._error(f"{key}.wmi", f"{section.wmi} belongs to another maker")
            if not section.regions:
                raise self._error(f"{key}.regions", "at least one sales region is needed")
            for region, holders in section.regions.items():
                if not holders:
                    raise self._error(f"{key}.regions.{region}", "names no provider: a car needs a V2G root")
                for name in holders:
                    self._known(f"{key}.regions.{region}", name, names)
            default = section.default_region or next(iter(section.regions))
            self._known(f"{key}.default_region", default, list(section.regions))
            makers[section.provider] = Maker(section.wmi, section.regions, default)
        return makers

    def _msps(self, names: Sequence[str]) -> Mapping[str, Msp]:
        registry = self._file.provider_ids
        for country, holders in registry.items():
            self._matches(f"provider_ids.{country}", country, _COUNTRY, "a country: two of A-Z")
            for provider_id in holders:
                key = f"provider_ids.{country}.{provider_id}"
                self._matches(key, provider_id, _LETTERS_DIGITS_3, "three of 0-9 A-Z")
        msps: dict[str, Msp] = {}
        for index, section in enumerate(self._file.msp):
            key = f"msp[{index}]"
            self._known(f"{key}.provider", section.provider, names)
            if section.provider in msps:
                raise self._error(f"{key}.provider", f"{section.provider!r} has an MSP already")
            holder = registry.get(section.country, {}).get(section.provider_id)
            if holder is None:
                raise self._error(
                    f"{key}.provider_id",
                    f"{section.country}{section.provider_id} is not in the registry [provider_ids]",
                )
            msp = Msp(section.country, section.provider_id, holder)
            if msp in msps.values():
                raise self._error(f"{key}.provider_id", f"{holder} has this identifier already")
            msps[section.provider] = msp
        return msps

    def _check_addresses(self, providers: Sequence[Provider]) -> None:
        taken: dict[Address, str] = {}
        for index, provider in enumerate(providers):
            places = {f"provider[{index}].listen": provider.listen} | {
                f"provider[{index}].role_listen.{role}": address
                for role, address in provider.role_listen.items()
            }
            for key, address in places.items():
                if address is None:
                    continue
                if address in taken:
                    raise self._error(key, f"{address.host}:{address.port} is taken by {taken[address]}")
                taken[address] = key

    def _check_roots_for_regions(self, providers: Sequence[Provider]) -> None:
        by_name = {provider.name: provider for provider in providers}
        for index, section in enumerate(self._file.maker):
            home = by_name[section.provider]
            for region, holders in section.regions.items():
                for name in holders:
                    key = f"maker[{index}].regions.{region}"
                    if name not in {home.name, *home.peers}:
                        raise self._error(key, f"{home.name!r} has no peer {name!r} to fetch the root from")
                    if name != home.name and not by_name[name].pins.v2g:
                        raise self._error(key, f"provider {name!r} has no pinned V2G root (roots.v2g)")

    def _pins(self, key: str, section: _RootsSection) -> Pins:
        pins = {}
        for kind in ("v2g", "oem", "mo"):
            for text in (values := getattr(section, kind)):
                self._matches(f"{key}.roots.{kind}", text, _SHA256, "SHA-256, 64 lower-case hex digits")
            pins[kind] = frozenset(values)
        return Pins(**pins)

    def _database(self, text: str) -> str | Path:
        return text if "://" in text or not text else self._folder / text

    def _address(self, key: str, text: str) -> Address:
        host, colon, port = text.rpartition(":")
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= _PORT_DIGITS else 0
        if not colon or not host or number not in _PORTS:
            raise self._error(key, f"{text!r} is no HOST:PORT")
        return Address(host.removeprefix("[").removesuffix("]"), number)

    def _known(self, key: str, name: str, names: Sequence[str]) -> None:
        if name not in names:
            raise self._error(key, f"{name!r} is not known; there are: {', '.join(names)}")

    def _matches(self, key: str, text: str, pattern: re.Pattern[str], expected: str) -> None:
        if pattern.fullmatch(text) is None:
            raise self._error(key, f"{text!r}: expected {expected}")

    def _error(self, key: str, reason: str) -> DescriptionError:
        return DescriptionError(self._path, key, reason)


def _place(error: msgspec.ValidationError) -> tuple[str, str]:
    """Split msgspec's message ("… - at `$.provider[0].name`") into key and reason."""
    reason, at, place = str(error).rpartition(" - at `$")
    if not at:
        return "", str(error)
    return place.rstrip("`").removeprefix("."), reason
