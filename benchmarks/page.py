"""How heavy the page is, and how soon it shows something. Run as ``python -m benchmarks.page [--vehicles N]``.

A market is seeded, served by a real process over loopback, and looked at with a headless Chromium: bytes of the
shell and its files, time to the picture, to the first row of the vehicles, to the answer of a search, and to the
first row of a far page. Figures are printed, not judged.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.server import COMMAND, serving
from tests.browser import Page, browsing, find_browser

READY = "document.querySelector('[data-ready]')"
ROWS = "document.querySelectorAll('tbody tr td.id').length > 0"
PAGES = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--vehicles", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    browser = find_browser()
    if browser is None:
        print("no Chromium or Chrome on this machine: nothing to measure with", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory(prefix="page-") as name:
        figures = measure(Path(name), browser, options.vehicles)
    if options.json:
        print(json.dumps(figures))
        return 0
    for what, value in figures.items():
        print(f"{what:44} {value:10,.1f}")
    return 0


def measure(folder: Path, browser: str, vehicles: int) -> dict[str, float]:
    """Return the figures by name: bytes, counts, and milliseconds."""
    pki, database = folder / "pki", folder / "market.db"
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(pki)
    place = ["--pki", str(pki), "--database", str(database)]
    seed = [*COMMAND, "market", "seed", *place, "--vehicles", str(vehicles), "--json"]
    subprocess.run(seed, check=True, stdout=subprocess.DEVNULL)
    with serving(pki, database) as server, browsing(browser, folder / "profile") as page:
        figures: dict[str, float] = {"vehicles": vehicles, **_weight(server.url)}
        page.size(1280, 900)
        figures["picture, empty cache, ms"] = _timed(lambda: _show(page, server.url, "/", READY))
        figures["picture, files kept, ms"] = _timed(lambda: _show(page, server.url, "/", READY))
        figures["first row of the vehicles, ms"] = _timed(
            lambda: _show(page, server.url, "/page/vehicles", ROWS)
        )
        with httpx.Client(base_url=server.url, timeout=60) as http:
            first = http.get("/oem/v1/vehicles", params={"limit": 1000}).json()["vehicles"]
            wanted = first[len(first) // 2]["pcid"]
            figures["a page of 50 by key, ms"] = _per_call(http, {"limit": 50, "after": first[-1]["pcid"]})
            figures["a search by the beginning, ms"] = _per_call(http, {"limit": 50, "pcid": wanted[:12]})
            figures["one vehicle with all of it, ms"] = _timed(
                lambda: http.get(f"/market/v1/vehicles/{wanted}").raise_for_status()
            )
        figures["a search, from key to row, ms"] = _timed(lambda: _search(page, wanted))
    return figures


def _weight(url: str) -> dict[str, float]:
    """Return the bytes of the shell and of every file that it names."""
    with httpx.Client(base_url=url) as http:
        shell = http.get("/")
        names = {part.split('"')[0] for part in shell.text.split('"/page/static/')[1:]}
        files = [http.get(f"/page/static/{name}") for name in sorted(names)]
    return {
        "files": len(files) + 1,
        "bytes in all": len(shell.content) + sum(len(answer.content) for answer in files),
    }


def _show(page: Page, url: str, path: str, condition: str) -> None:
    page.open(url + path)
    page.wait(f"location.pathname === {path!r} && {condition}")


def _search(page: Page, pcid: str) -> None:
    page.type("input[type=search]", pcid)
    page.wait(f"document.querySelector('tbody').innerText.includes({pcid!r})")


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _per_call(http: httpx.Client, query: dict[str, object]) -> float:
    def calls() -> None:
        for _ in range(PAGES):
            http.get("/oem/v1/vehicles", params={**query}).raise_for_status()  # type: ignore[dict-item]  # plain

    return _timed(calls) / PAGES


if __name__ == "__main__":
    sys.exit(main())
