"""The market that is to be filled, as a certificate folder or a description gives it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from backend_stub.description import Description, DescriptionError, Maker, Provider
from backend_stub.description_file import load
from backend_stub.errors import PkiFolderError
from backend_stub.market import load_hierarchy
from backend_stub.oem.interface import EVERYWHERE
from backend_stub.place import COUNTRY, PROVIDER_ID, WMI
from pki.errors import StoreError
from pki.hierarchy import MEMBERS
from pki.names import fingerprint_sha256
from pki.store import read_certificate


@dataclass(frozen=True, slots=True)
class Ground:
    """Who the maker and the mobility operator are, where everything is kept, which V2G roots the cars hold."""

    pki: Path
    database: str | Path
    wmi: str
    region: str
    country: str
    provider_id: str
    public_url: str
    v2g_roots: Sequence[x509.Certificate]


def from_folder(pki: Path, database: str | Path, public_url: str, *, now: datetime) -> Ground:
    """Return the market of one provider that ``serve --pki`` makes; raises PkiFolderError."""
    root = load_hierarchy(pki, now=now)["v2g_root"].certificate
    return Ground(pki, database, WMI, EVERYWHERE, COUNTRY, PROVIDER_ID, public_url, (root,))


def from_description(file: Path, name: str | None, region: str | None, *, now: datetime) -> Ground:
    """Return one provider of a description, its only one where ``name`` is None.

    Its cars are sold in ``region``, or in the maker's default region. They have to hold the V2G root of this
    provider, whose CPS signs their contracts. Raises DescriptionError, PkiFolderError.
    """
    description = load(file)
    provider = _provider(description, name)
    key = f"provider {provider.name!r}"
    if provider.pki is None:
        raise DescriptionError(file, f"{key}: pki", "is missing: this provider runs elsewhere")
    if provider.maker is None or provider.msp is None:
        raise DescriptionError(
            file, key, "needs a [[maker]] and an [[msp]] to be filled with cars and contracts"
        )
    maker = provider.maker
    sold_in = region or maker.default_region
    if sold_in not in maker.regions:
        known = ", ".join(maker.regions)
        raise DescriptionError(file, f"maker {maker.wmi}: regions", f"no {sold_in!r}; there are: {known}")
    own = load_hierarchy(provider.pki, now=now)["v2g_root"].certificate
    return Ground(
        pki=provider.pki,
        database=provider.database,
        wmi=maker.wmi,
        region=sold_in,
        country=provider.msp.country,
        provider_id=provider.msp.provider_id,
        public_url=provider.url,
        v2g_roots=_roots(description, provider, maker, sold_in, own),
    )


def _provider(description: Description, name: str | None) -> Provider:
    if name is not None:
        return description.provider(name)
    if len(description.providers) == 1:
        return description.providers[0]
    names = ", ".join(provider.name for provider in description.providers)
    raise DescriptionError(description.path, "provider", f"say which with --provider: {names}")


def _roots(
    description: Description, provider: Provider, maker: Maker, region: str, own: x509.Certificate
) -> Sequence[x509.Certificate]:
    """Return the V2G roots of a region: the own one first, those of others from their folders."""
    key = f"maker {maker.wmi}: regions.{region}"
    if provider.name not in maker.regions[region]:
        raise DescriptionError(
            description.path,
            key,
            f"its cars do not trust the V2G root of provider {provider.name!r}, which signs what is seeded: "
            "choose another --region",
        )
    roots = [own]
    for name in maker.regions[region]:
        other = description.provider(name)
        if other.name == provider.name:
            continue
        if other.pki is None:
            raise DescriptionError(
                description.path, key, f"the V2G root of provider {name!r} is not on this machine"
            )
        stem = other.pki / MEMBERS["v2g_root"].stem
        try:
            root = read_certificate(f"{stem}.pem")
        except StoreError as error:
            raise PkiFolderError(error.path, error.detail) from error
        if fingerprint_sha256(root) not in other.pins.v2g:
            raise DescriptionError(description.path, key, f"{stem}.pem is not what the description pins")
        roots.append(root)
    return roots
