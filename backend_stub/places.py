"""From the description of a market to the place that one of its providers has in it."""

from collections.abc import Callable, Iterable, Mapping

from backend_stub.description import Description, DescriptionError, Entitlement, Provider
from backend_stub.federation.peer import Party, Peer
from backend_stub.oem.interface import EVERYWHERE
from backend_stub.place import COUNTRY, PROVIDER_ID, WMI, Place
from backend_stub.remote.connection import RoleConnection
from backend_stub.roles import Role
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256
from v2g.net.oauth import ClientCredentials, CredentialsError, read_credentials

_SECRET_LENGTH = 32


def place_of(
    description: Description,
    provider: Provider,
    hierarchy: Hierarchy,
    monotonic: Callable[[], float],
    elsewhere: Mapping[Role, RoleConnection] | None = None,
) -> Place:
    """Return the place of ``provider``, with a connection to each of its peers (to be closed by the caller).

    ``elsewhere`` are its roles that run in other processes, see :func:`roles_elsewhere`.

    Raises DescriptionError when the folder's roots are not those that the description pins, or a secret cannot be
    read.
    """
    own_root = fingerprint_sha256(hierarchy["v2g_root"].certificate)
    for branch, found, pinned in _roots(provider, hierarchy):
        if found not in pinned:
            raise DescriptionError(
                description.path,
                f"provider {provider.name!r}: roots.{branch}",
                f"does not pin {found}, the root in {provider.pki}/{branch}: peers would not believe it",
            )
    peers = [
        Peer(
            peer.name,
            peer.url,
            peer.pins,
            asking=Party(provider.name, own_root),
            timeout_s=description.policy.peer_timeout_s,
            auth=_auth(description, provider, peer, monotonic),
        )
        for peer in description.peers_of(provider)
    ]
    maker, msp = provider.maker, provider.msp
    return Place(
        name=provider.name,
        wmi=maker.wmi if maker else WMI,
        regions={EVERYWHERE: None} if maker is None else _regions(description, provider),
        default_region=maker.default_region if maker else EVERYWHERE,
        country=msp.country if msp else COUNTRY,
        provider_id=msp.provider_id if msp else PROVIDER_ID,
        proof_required=description.policy.entitlement is Entitlement.CODE,
        peers=peers,
        peer_timeout_s=description.policy.peer_timeout_s,
        maker_pins=description.maker_pins(),
        makers={
            other.maker.wmi: peer
            for peer in peers
            if (other := description.provider(peer.name)).maker is not None
        },
        elsewhere=elsewhere or {},
        register_keeper=_register_keeper(description, provider, peers),
        events=description.policy.events,
        remake_contracts=description.policy.remake_contracts,
    )


def pins_hold(provider: Provider, hierarchy: Hierarchy) -> bool:
    """Say whether the description pins the roots of a further hierarchy; without that, peers would not believe it."""
    return all(found in pinned for _, found, pinned in _roots(provider, hierarchy))


def roles_elsewhere(
    description: Description, provider: Provider, here: Iterable[Role]
) -> dict[Role, RoleConnection]:
    """Return connections to the roles of ``provider`` that do not run ``here`` (to be closed by the caller).

    Raises DescriptionError when one has no address.
    """
    secret = role_secret(description, provider)
    found = {}
    for role in Role:
        if role in here:
            continue
        address = provider.role_listen.get(role)
        if address is None:
            key = f"provider {provider.name!r}: role_listen.{role}"
            raise DescriptionError(description.path, key, "is missing: where does this role listen?")
        found[role] = RoleConnection(role.value, address.url, secret)
    return found


def role_secret(description: Description, provider: Provider) -> str:
    """Return what the role processes of a provider know each other by. Raises DescriptionError."""
    key = f"provider {provider.name!r}: role_secret"
    if provider.role_secret is None:
        raise DescriptionError(description.path, key, "is needed for roles in processes of their own")
    try:
        secret = provider.role_secret.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DescriptionError(description.path, key, f"{provider.role_secret}: {error}") from error
    if len(secret) < _SECRET_LENGTH:
        raise DescriptionError(
            description.path, key, f"{provider.role_secret}: at least {_SECRET_LENGTH} characters"
        )
    return secret


def _roots(provider: Provider, hierarchy: Hierarchy) -> Iterable[tuple[str, str, frozenset[str]]]:
    """Return branch, fingerprint of the root, and what the description pins for this branch."""
    pins = {"v2g": provider.pins.v2g, "oem": provider.pins.oem, "mo": provider.pins.mo}
    for branch, pinned in pins.items():
        yield branch, fingerprint_sha256(hierarchy[f"{branch}_root"].certificate), pinned


def _regions(description: Description, provider: Provider) -> dict[str, frozenset[str] | None]:
    regions: dict[str, frozenset[str] | None] = {}
    if provider.maker is not None:
        for region, holders in provider.maker.regions.items():
            regions[region] = frozenset().union(*(description.provider(name).pins.v2g for name in holders))
    return regions


def _register_keeper(description: Description, provider: Provider, peers: list[Peer]) -> Peer | None:
    if description.register_provider == provider.name:
        return None
    for peer in peers:
        if peer.name == description.register_provider:
            return peer
    raise DescriptionError(
        description.path,
        "register.provider",
        f"provider {provider.name!r} is not connected with {description.register_provider!r}, who keeps it",
    )


def _auth(
    description: Description, provider: Provider, peer: Provider, monotonic: Callable[[], float]
) -> ClientCredentials | None:
    file = provider.credentials.get(peer.name)
    if file is None:
        return None
    try:
        return ClientCredentials(read_credentials(file), peer.url, monotonic)
    except CredentialsError as error:
        key = f"provider {provider.name!r}: credentials.{peer.name}"
        raise DescriptionError(description.path, key, str(error)) from error
