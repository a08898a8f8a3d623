"""Links by name, each figure with where it comes from; the figures are in ``presets.toml``."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from v2g.net.link import Link


class PresetError(Exception):
    """There is no preset of that ``name``; ``known`` are those there are."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"there is no preset {name!r}; there are {', '.join(known)}")
        self.name = name
        self.known = known


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which ``figures`` come from which ``source``; "assumption: …" where nothing public backs them."""

    figures: str
    source: str
    url: str = ""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link with what it is about and its sources."""

    about: str
    link: Link
    sources: tuple[Source, ...]


@cache
def presets() -> Mapping[str, Preset]:
    """Return all presets by name, in the order of the file; each link bears its preset's name."""
    text = files("lab.links").joinpath("presets.toml").read_text(encoding="utf-8")
    raw = tomllib.loads(text)
    for name, preset in raw.items():
        preset["link"]["name"] = name
    return MappingProxyType(msgspec.convert(raw, dict[str, Preset]))


def preset(name: str) -> Link:
    """Return the link of a preset; PresetError names those there are."""
    try:
        return presets()[name].link
    except KeyError:
        raise PresetError(name, tuple(presets())) from None
