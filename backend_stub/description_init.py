"""Makes a market: a description with everything that it names, ready to be served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backend_stub.description import DescriptionError
from pki.entropy import Entropy
from pki.errors import StoreError
from pki.hierarchy import Hierarchy, init_folder
from pki.names import fingerprint_sha256
from pki.store import SECRET_MODE, write_atomically

FILE_NAME = "market.toml"
MAX_PROVIDERS = 20
"""As many V2G roots as a car's ListOfRootCertificateIDs holds."""

_NAMES = "abcdefghjklmnprstuvw"  # none that a VIN must not hold
_REGIONS = ("eu", "uk", "na", "apac")
_PORTS_PER_PROVIDER = 10
_ROLES = ("rcp", "pcp", "ccp", "cps", "oem", "msp", "register")
_SECRET_BYTES = 32
_LAST_PORT = 0xFFFF
_PUBLIC_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Outline:
    """What a new market looks like."""

    providers: int = 3
    host: str = "127.0.0.1"
    base_port: int = 8081
    """The first provider listens here, each further one ten ports up; the nine between are for its roles."""
    ports: Sequence[int] = ()
    """The providers' ports instead, when they are to be others; their roles get none then."""


def make_market(directory: Path, outline: Outline, *, now: datetime, entropy: Entropy) -> Path:
    """Write the description and one certificate folder for each provider; return the description's path.

    Every provider has roots of its own, pinned by fingerprint in the description; nobody gets a copy of another's.
    Raises DescriptionError when the folder holds anything already or cannot be written.
    """
    target = directory / FILE_NAME
    if not 1 <= outline.providers <= MAX_PROVIDERS:
        raise DescriptionError(target, "", f"a market has 1 to {MAX_PROVIDERS} providers")
    last = outline.base_port + outline.providers * _PORTS_PER_PROVIDER
    if not outline.ports and not 0 < outline.base_port <= last <= _LAST_PORT:
        raise DescriptionError(target, "", f"ports {outline.base_port} to {last} are not all ports")
    try:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise DescriptionError(directory, "", "exists already; a market is not made over something else")
        directory.mkdir(parents=True, exist_ok=True)
        names = _NAMES[: outline.providers]
        hierarchies = {
            name: init_folder(
                directory / name / "pki", now=now, entropy=entropy, organization=f"Provider {name.upper()}"
            )
            for name in names
        }
        for name in names:
            secret = f"{entropy.bytes(_SECRET_BYTES).hex()}\n".encode()
            write_atomically(directory / name / "role.secret", secret, mode=SECRET_MODE)
        # Last, so that a description that is there is whole.
        write_atomically(target, _text(hierarchies, outline).encode(), mode=_PUBLIC_MODE)
    except OSError as error:
        raise DescriptionError(directory, "", f"cannot be written: {error.strerror or error}") from error
    except StoreError as error:
        raise DescriptionError(error.path, "", error.detail) from error
    return target


def _text(hierarchies: Mapping[str, Sequence[Hierarchy]], outline: Outline) -> str:
    names = list(hierarchies)
    parts = [_HEAD]
    parts += [_provider(name, hierarchies[name], names, outline) for name in names]
    parts.append("# The national registry: who holds which provider identifier.\n[provider_ids.DE]\n")
    parts[-1] += "".join(f'{_id(name)} = "Mobility {name.upper()}"\n' for name in names)
    parts += [
        f'[[msp]]\ncountry = "DE"\nprovider_id = "{_id(name)}"\nprovider = "{name}"\n' for name in names
    ]
    parts += [_maker(name, names) for name in names]
    return "\n".join(parts)


_HEAD = """\
# A market for `backend-stub serve --market`; docs/market/description.md explains every key.
[market]
name = "laboratory"

[policy]
peer_timeout_ms = 3000
entitlement = "code"

[register]
provider = "a"
"""


def _provider(name: str, hierarchies: Sequence[Hierarchy], names: Sequence[str], outline: Outline) -> str:
    position = names.index(name)
    peers = ", ".join(f'"{other}"' for other in names if other != name)
    port = outline.ports[position] if outline.ports else _port(outline, position)
    role_listen = ""
    if not outline.ports:
        lines = [f'{role} = "{outline.host}:{port + offset}"' for offset, role in enumerate(_ROLES, start=1)]
        role_listen = "\n[provider.role_listen]\n" + "\n".join(lines) + "\n"
    pins = "\n".join(f"{branch} = [{_fingerprints(hierarchies, branch)}]" for branch in ("v2g", "oem", "mo"))
    return f"""\
[[provider]]
name = "{name}"
listen = "{outline.host}:{port}"
pki = "{name}/pki"
database = "{name}/market.db"
role_secret = "{name}/role.secret"
operator_id = "{_id(name)}"
peers = [{peers}]

[provider.roots]
{pins}
{role_listen}"""


def _fingerprints(hierarchies: Sequence[Hierarchy], branch: str) -> str:
    roots = (hierarchy[f"{branch}_root"].certificate for hierarchy in hierarchies)
    return ", ".join(f'"{fingerprint_sha256(root)}"' for root in roots)


def _maker(name: str, names: Sequence[str]) -> str:
    """Return a maker that sells in every region: a car holds the one V2G root that serves there."""
    regions = "\n".join(f'{_region(other, names)} = ["{other}"]' for other in names)
    return f"""\
[[maker]]
wmi = "W{name.upper()}{name.upper()}"
provider = "{name}"
default_region = "{_region(name, names)}"

[maker.regions]
{regions}
"""


def _region(name: str, names: Sequence[str]) -> str:
    position = names.index(name)
    return _REGIONS[position] if position < len(_REGIONS) else f"region-{name}"


def _port(outline: Outline, position: int) -> int:
    return outline.base_port + position * _PORTS_PER_PROVIDER


def _id(name: str) -> str:
    return f"PN{name.upper()}"
