"""The page in a real browser against a real market: what people see and do, and what the browser asks for."""

import base64
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from backend_stub.access import clients
from backend_stub.access.interface import Role
from backend_stub.page.routes import VIEWS
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.material import signing_request
from tests.backend_stub.server import Server, serving
from tests.browser import VARIABLE, Page, browsing, find_browser

BROWSER = find_browser()
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(BROWSER is None, reason=f"no Chromium or Chrome here; {VARIABLE} can name one"),
]
HOSTILE = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
READY = "document.querySelector('[data-ready]')"
LIVE = "document.getElementById('live').classList.contains('on')"


@dataclass
class Stand:
    """A market and a browser that looks at it."""

    server: Server
    page: Page

    def open(self, path: str) -> None:
        self.page.open(self.server.url + path)
        self.page.wait(f"location.pathname === {path!r} && {READY}")

    def clean(self) -> None:
        """Nothing was complained about, and nothing asked of anybody else."""
        assert self.page.complaints == []
        strangers = [url for url in self.page.requests if not url.startswith(f"{self.server.url}/")]
        assert [url for url in strangers if not url.startswith(("blob:", "about:"))] == []

    def act(self, button: str) -> str:
        """Press the button of a dialog that acts; return what came of it."""
        self.page.click("dialog button[type=submit]", button)
        self.page.wait("document.querySelector('dialog .done, dialog .problem')")
        return str(self.page.run("document.querySelector('dialog .done, dialog .problem').innerText"))

    def close(self) -> None:
        self.page.click("dialog button", "Close")
        self.page.wait("!document.getElementById('dialog').open")


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of certificates that are valid today."""
    folder = tmp_path_factory.mktemp("pki")
    Hierarchy.create(now=datetime.now(UTC), entropy=SystemEntropy()).save(folder)
    return folder


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory, pki: Path) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp("page")
    assert BROWSER is not None
    with serving(pki, folder / "market.db") as server, browsing(BROWSER, folder / "profile") as page:
        page.size(1280, 900)
        yield Stand(server, page)


def csr() -> str:
    """Return what builds a car."""
    key = SystemEntropy().ec_key(ec.SECP256R1())
    return base64.b64encode(signing_request(key).public_bytes(Encoding.DER)).decode()


def build(http: httpx.Client) -> str:
    answer = http.post("/oem/v1/vehicles", json={"certificationRequest": csr()})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["pcid"])


def test_every_part_renders_without_a_complaint(stand: Stand) -> None:
    for path in ("/", *(f"/page/{view}" for view in VIEWS)):
        stand.open(path)
        stand.page.wait(LIVE)
        assert stand.page.run("document.querySelectorAll('main h1').length") == 1
        assert stand.page.run("document.querySelectorAll('main .problem').length") == 0
    stand.clean()


def test_a_vehicle_and_a_contract_from_building_to_the_end(stand: Stand, tmp_path: Path) -> None:
    page = stand.page
    stand.open("/")
    page.click("button", "Build a vehicle")
    assert "curl -X POST" in page.run("document.querySelector('dialog pre').innerText")
    assert "is built" in stand.act("Build")
    pcid = page.run("document.querySelector('dialog .done a').textContent")
    # What would be saved is read where it is made.
    page.run(
        "window.saved = null; const make = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { window.saved = blob; return make(blob); };"
    )
    page.click("dialog button", "Save the car's folder")
    script = "saved.arrayBuffer().then((data) => Array.from(new Uint8Array(data)))"
    archive = bytes(page.run(script))
    with tarfile.open(fileobj=io.BytesIO(archive)) as folder:
        folder.extractall(tmp_path, filter="data")
    car = tmp_path / f"car-{pcid}"
    assert (car / "contracts").is_dir()

    stand.open(f"/page/vehicles/{pcid}")
    page.click("button", "Onboard a driver")
    assert "is in the contract pool" in stand.act("Make the contract")
    stand.close()
    page.wait("document.querySelector('td.id a[href^=\"/page/contracts/\"]')")
    emaid = page.run("document.querySelector('td.id a[href^=\"/page/contracts/\"]').textContent")
    # The folder that the browser made is a car: it fetches the contract over the air.
    command = ["evcc", "ota", "--vehicle", str(car), "--telematics", stand.server.url]
    deliver = f"import sys; from evcc.cli import main; sys.exit(main({command[1:]!r}))"
    wait = "document.body.innerText.includes('queued')"
    stand.open(f"/page/contracts/{emaid}")
    page.wait(wait)
    done = subprocess.run(
        [sys.executable, "-c", deliver], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    stand.open(f"/page/contracts/{emaid}")
    page.wait("document.body.innerText.includes('installed')")
    assert page.run("document.querySelectorAll('.bundle .tree .cert').length") >= 3
    assert "signature verified" in page.text()

    page.click("button", "Deliver over the air")
    assert emaid in stand.act("Deliver")
    stand.close()
    page.click("button", "Renew")
    assert "is renewed" in stand.act("Renew")
    stand.close()
    page.click("button", "Terminate")
    assert "has ended" in stand.act("Terminate")
    stand.close()
    page.wait("document.body.innerText.includes('revoked')")

    stand.open(f"/page/vehicles/{pcid}")
    page.click("button", "Onboard a driver")
    stand.act("Make the contract")
    stand.close()
    page.click("button", "Replace the key")
    assert "has a new key" in stand.act("Replace")
    stand.close()
    page.wait("document.querySelector('[data-ready] .feed li[data-sequence]')")
    stand.clean()


def test_a_refusal_is_told_in_words(stand: Stand) -> None:
    stand.open("/")
    stand.page.click("button", "Onboard a driver")
    stand.page.type("dialog input[name=name]", "PNC00000000000000")
    told = stand.act("Make the contract")
    assert told.startswith(("No ", "PCID", "Body"))
    assert "trace" in told
    stand.close()
    stand.page.complaints.clear()  # the browser reports every refusal


def test_events_appear_as_they_happen(stand: Stand) -> None:
    stand.open("/")
    stand.page.wait(LIVE)
    with httpx.Client(base_url=stand.server.url, timeout=30) as http:
        pcid = build(http)
        emaid = http.post("/msp/v1/contracts", json={"pcid": pcid}).json()["emaid"]
    stand.page.wait(f"document.querySelector('.feed').innerText.includes('{emaid} is ready for car {pcid}')")
    stand.clean()


def test_hostile_names_stay_text(stand: Stand) -> None:
    page = stand.page
    stand.open("/page/events")
    page.click("button", "Add a webhook")
    page.type("dialog input[name=url]", "http://127.0.0.1:9/hooks")
    page.type("dialog input[name=description]", HOSTILE)
    assert "Events go to" in stand.act("Add")
    stand.close()
    page.wait("document.querySelector('main').innerText.includes('onerror')")
    assert page.run("document.querySelectorAll('main img, main script').length") == 0
    assert "broken" not in page.run("document.title")
    page.open(f"{stand.server.url}/page/vehicles/%3Cimg%20src%3Dx%3E")
    page.wait("document.querySelector('main .problem')")
    assert page.run("document.querySelectorAll('main img').length") == 0
    page.complaints.clear()


def test_a_search_among_many_rows_and_its_pages(stand: Stand) -> None:
    page = stand.page
    with httpx.Client(base_url=stand.server.url, timeout=30) as http:
        pcids = [build(http) for _ in range(60)]
        count = http.get("/oem/v1/vehicles?limit=1").json()["count"]
    stand.open("/page/vehicles")
    page.wait("document.querySelectorAll('tbody tr').length === 50")
    assert f"{count} vehicles in all, page 1" in page.text()
    page.click(".pages button", "Further")
    page.wait("document.querySelector('.pages').innerText.includes('page 2')")
    page.wait(f"document.querySelectorAll('tbody tr').length === {count - 50}")
    page.type("input[type=search]", pcids[7][:12])
    page.wait("document.querySelectorAll('tbody tr').length === 1")
    assert pcids[7] in page.text()
    page.type("input[type=search]", "NOBODY")
    page.wait("document.querySelector('tbody').innerText.includes('No vehicle begins with this')")
    stand.clean()


def test_it_can_be_used_by_keyboard_and_is_kept_in_the_history(stand: Stand) -> None:
    page = stand.page
    stand.open("/")
    page.press("Tab", 9)
    assert page.run("document.activeElement.className") == "skip"
    page.run("document.querySelector('.tabs a[href=\"/page/contracts\"]').focus()")
    page.press("Enter", 13)
    page.wait(f"location.pathname === '/page/contracts' && {READY}")
    assert page.run("document.activeElement.id") == "main"
    page.run("history.back()")
    page.wait("location.pathname === '/' && document.querySelector('.picture svg')")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_phone(stand: Stand, dark: bool) -> None:
    page = stand.page
    page.size(360, 740, dark=dark)
    try:
        for path in ("/", *(f"/page/{view}" for view in VIEWS)):
            stand.open(path)
            assert page.run("document.documentElement.scrollWidth") <= 360, path
    finally:
        page.size(1280, 900)
    stand.clean()


def test_a_closed_market_asks_who_it_is(tmp_path: Path, pki: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "_SCRYPT_N", 2**4)
    file = tmp_path / "clients.json"
    client, secret = clients.add(file, Role.ADMIN, "boss", client_id="boss")
    assert BROWSER is not None
    with (
        serving(pki, tmp_path / "market.db", "--clients", str(file)) as server,
        browsing(BROWSER, tmp_path / "profile") as page,
    ):
        page.open(f"{server.url}/")
        page.wait("document.getElementById('dialog').open")
        page.type("dialog input[name=client]", client.client_id)
        page.type("dialog input[name=secret]", "wrong")
        page.click("dialog button[type=submit]")
        page.wait("document.querySelector('dialog .problem')")
        page.type("dialog input[name=secret]", secret)
        page.click("dialog button[type=submit]")
        page.wait(f"{READY} && {LIVE}")
        assert "Sign out boss" in page.text()
        page.open(f"{server.url}/page/clients")
        page.wait(READY)
        assert "1 client may call this market" in page.text()
        assert page.run("JSON.stringify(localStorage)") == "{}"
        assert page.run("document.cookie") == ""
