"""httpx and an ASGI application over a simulated link: the times of TCP and TLS, pooling, and failures."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from lab.links.http import LinkTransport, Message, asgi_handler
from tests.backend_stub.material import DOOR, door_body, encode, make_hierarchy, open_world
from v2g.net.distributions import Constant
from v2g.net.link import Link, Outage, Tcp
from v2g.net.simulated import SimulatedNetwork
from v2g.net.toxics import AnyToxic, Reset, Silence
from v2g.net.virtual import run_virtual

RTT = 0.1
LINK = Link(rtt=Constant(RTT), dns=Constant(0.05))
Work = Callable[[httpx.AsyncClient], Coroutine[None, None, Any]]


async def app(scope: Message, receive: Any, send: Any) -> None:
    """Answers what it was asked."""
    body = b""
    while (message := await receive()).get("body") is not None:
        body += message["body"]
        if not message["more_body"]:
            break
    answer = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} {body.decode()}".encode()
    await asyncio.sleep(0.5 if scope["path"] == "/slow" else 0.0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": answer, "more_body": True})
    await send({"type": "http.response.body"})


def over(
    work: Work,
    *,
    link: Link = LINK,
    toxics: tuple[AnyToxic, ...] = (),
    tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None,
) -> Any:
    """Run ``work`` with a client before :func:`app` at ``market.test``, in virtual time."""

    async def scenario() -> Any:
        network = SimulatedNetwork(link=link, toxics=toxics)
        server, client = tls or (None, None)
        listener = await network.listen("market.test", 80, asgi_handler(app))
        secure = await network.listen("market.test", 443, asgi_handler(app, tls=server))
        async with httpx.AsyncClient(transport=LinkTransport(network, verify=client), timeout=60.0) as http:
            result = await work(http)
        await listener.close()
        await secure.close()
        return result

    return run_virtual(scenario())


async def timed(http: httpx.AsyncClient, url: str, **options: Any) -> tuple[float, str]:
    started = asyncio.get_running_loop().time()
    response = await http.post(url, **options)
    assert response.status_code == 200
    return round(asyncio.get_running_loop().time() - started, 6), response.text


def test_a_name_a_handshake_and_the_exchange_then_only_the_exchange() -> None:
    async def work(http: httpx.AsyncClient) -> list[tuple[float, str]]:
        return [await timed(http, f"http://market.test/a%20b?n={n}", content=b"body") for n in range(3)]

    first, *others = over(work)
    assert first == (0.05 + 2 * RTT, "POST /a b n=0 body")
    assert [took for took, _ in others] == [RTT, RTT]


def test_requests_side_by_side_open_connections_of_their_own() -> None:
    async def work(http: httpx.AsyncClient) -> list[float]:
        async with asyncio.TaskGroup() as tasks:
            both = [tasks.create_task(timed(http, "http://market.test/slow")) for _ in range(2)]
        return [task.result()[0] for task in both]

    assert over(work) == [0.75, 0.75]


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Server and client for market.test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "market.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("market.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.create_default_context(cadata=certificate.public_bytes(Encoding.PEM).decode())
    return server, client


@pytest.mark.parametrize(("version", "round_trips"), [("TLSv1_3", 1), ("TLSv1_2", 2)])
def test_tls_costs_the_round_trips_of_its_version(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], version: str, round_trips: int
) -> None:
    client = contexts[1]
    client.maximum_version = ssl.TLSVersion[version]

    async def work(http: httpx.AsyncClient) -> list[float]:
        return [(await timed(http, "https://market.test/"))[0] for _ in range(2)]

    first, second = over(work, tls=contexts)
    assert first == pytest.approx(0.05 + (2 + round_trips) * RTT)
    assert second == pytest.approx(RTT)


def test_a_wrong_name_is_a_connect_error(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def work(http: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ConnectError):
            await http.get("https://market.test/")

    over(work, tls=(contexts[0], ssl.create_default_context()))


def test_failures_are_those_of_httpx() -> None:
    async def refused(http: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ConnectError, match="refused"):
            await http.get("http://market.test:81/")

    async def late(http: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await http.get("http://market.test/", timeout=5.0)

    async def never(http: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ConnectTimeout):
            await http.get("http://market.test/", timeout=5.0)

    async def broken(http: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.ReadError):
            await http.get("http://market.test/")

    over(refused)
    over(late, toxics=(Silence(after_bytes=20),))
    over(never, link=Link(outages=(Outage(length_s=1e5),), tcp=Tcp()))
    over(broken, toxics=(Reset(after_bytes=20),))


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    async def scenario() -> list[float]:
        network = SimulatedNetwork(link=LINK)
        times = []
        async with httpx.AsyncClient(transport=LinkTransport(network), timeout=60.0) as http:
            for _ in range(2):
                listener = await network.listen("market.test", 80, asgi_handler(app))
                times.append((await timed(http, "http://market.test/"))[0])
                await listener.close()
                await asyncio.sleep(1.0)
        return times

    assert run_virtual(scenario()) == [0.25, 0.25]


def test_the_whole_market_delivers_a_contract_in_virtual_time(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[float], list[int]]:
        loop = asyncio.get_running_loop()
        async with open_world(tmp_path, make_hierarchy()) as world:
            network = SimulatedNetwork(link=LINK)
            listener = await network.listen("market.test", 80, asgi_handler(world.app))
            car, _ = await world.car_with_contract()
            body = door_body(encode(car.request()))
            times, statuses = [], []
            async with httpx.AsyncClient(transport=LinkTransport(network), timeout=60.0) as http:
                for _ in range(2):
                    started = loop.time()
                    response = await http.post(f"http://market.test{DOOR}", json=body)
                    times.append(round(loop.time() - started, 6))
                    statuses.append(response.status_code)
                    assert "certificateInstallationRes" in response.text
            await listener.close()
            return times, statuses

    times, statuses = run_virtual(scenario())
    assert statuses == [200, 200]
    assert times == [0.25, 0.1]
