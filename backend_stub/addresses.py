"""Where a command finds the market: a URL, or a description and the name of a provider in it."""

from collections.abc import Mapping
from pathlib import Path

from backend_stub.client import UsageError
from backend_stub.description import DescriptionError
from backend_stub.description_file import load

DEFAULT_URL = "http://127.0.0.1:8080"


def one_address(url: str | None, market: Path | None, provider: str | None) -> str:
    """Return the address of one provider; raises UsageError when the options do not name one."""
    urls = all_addresses(url, market, provider)
    if len(urls) > 1:
        raise UsageError(f"--provider: say which of {', '.join(urls)}")
    return next(iter(urls.values()))


def all_addresses(url: str | None, market: Path | None, provider: str | None) -> Mapping[str, str]:
    """Return the addresses by provider; the name is empty for a URL. Raises UsageError."""
    if market is None:
        if provider is not None:
            raise UsageError("--provider needs --market FILE, which says where it is")
        return {"": DEFAULT_URL if url is None else url}
    if url is not None:
        raise UsageError("give either --url or --market")
    try:
        description = load(market)
        chosen = description.providers if provider is None else [description.provider(provider)]
    except DescriptionError as error:
        raise UsageError(str(error)) from error
    return {entry.name: entry.url for entry in chosen}
