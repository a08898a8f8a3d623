"""The command ``market init``."""

import json
from datetime import UTC, datetime
from pathlib import Path

from backend_stub.client import UsageError
from backend_stub.description import DescriptionError
from backend_stub.description_file import load
from backend_stub.description_init import Outline, make_market
from pki.entropy import SystemEntropy


def init(out: Path, providers: int, host: str, base_port: int, *, as_json: bool) -> None:
    """Make a market and say how to serve it."""
    outline = Outline(providers=providers, host=host, base_port=base_port)
    try:
        path = make_market(out, outline, now=datetime.now(UTC), entropy=SystemEntropy())
        description = load(path)
    except DescriptionError as error:
        raise UsageError(str(error)) from error
    urls = {provider.name: provider.url for provider in description.providers}
    if as_json:
        print(json.dumps({"market": str(path), "providers": urls}))
        return
    print(f"made a market of {len(urls)} providers in {path}")
    for name, url in urls.items():
        print(f"  provider {name} will be at {url}")
    print(f"run it: backend-stub serve --market {path}")
