"""Access to a market that is closed: where the charger's credentials are, and the tokens for them."""

from pathlib import Path

from v2g.net.clock import Clock
from v2g.net.oauth import ClientCredentials, from_environment, read_credentials


def market_auth(credentials: str, url: str, clock: Clock) -> ClientCredentials | None:
    """Return what puts access tokens on requests to the market at ``url``; None: it is open to us.

    ``credentials`` is the path of the file, empty: the one that the environment names, if it names one. Tokens
    are fetched ahead of the first car, and renewed before they end. Raises CredentialsError.
    """
    found = read_credentials(Path(credentials)) if credentials else from_environment()
    return None if found is None else ClientCredentials(found, url, clock.monotonic)
