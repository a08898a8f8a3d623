"""OpenSSL's command line as the other side of TLS 1.3, in both directions."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pki import store, vehicle_files
from pki.profiles import Edition
from tests.v2g.net.iso20 import SUITES, World, world
from v2g.errors import TlsError, V2GError
from v2g.net.network import TcpNetwork
from v2g.net.stream import Stream, TlsInfo
from v2g.net.tls import ISO20_P256, ServerTls, client_tls, server_tls

OPENSSL = shutil.which("openssl") or ""
pytestmark = pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
EDITIONS = pytest.mark.parametrize("edition", SUITES)
LIMIT_S = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(here: World, place: Path) -> Path:
    here.iso2.save(place / "pki", iso20=here.iso20)
    vehicle_files.save(here.car, place / "car")
    # OpenSSL wants what goes above the leaf only.
    store.write_certificates(place / "car_sub_cas.pem", here.car.vehicle_sub_cas)
    store.write_certificates(place / "charger_sub_cas.pem", here.iso20.chain("cpo_sub_ca2"))
    return place


def as_car(place: Path) -> list[str]:
    car = place / "car" / "iso20"
    return [
        "-cert",
        f"{car}/vehicle.pem",
        "-key",
        f"{car}/vehicle.key",
        "-cert_chain",
        f"{place}/car_sub_cas.pem",
    ]


async def s_client(
    charger: ServerTls, place: Path, *words: str, root: str = "iso20/v2g/root.pem"
) -> tuple[str, TlsInfo | V2GError | None]:
    """Connect with openssl s_client; return what it printed and what the charger saw."""
    seen: list[TlsInfo | V2GError] = []

    async def serve(stream: Stream) -> None:
        try:
            tls = await server_tls(stream, charger)
            seen.append(tls.tls)
            await tls.write(b"greetings\n")
            await tls.close()
        except V2GError as error:
            seen.append(error)

    listener = await TcpNetwork().listen("::1", 0, serve)
    process = await asyncio.create_subprocess_exec(
        OPENSSL,
        "s_client",
        "-connect",
        f"[::1]:{listener.port}",
        "-CAfile",
        str(place / "pki" / root),
        "-verify_return_error",
        "-ign_eof",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(LIMIT_S):
        printed, _ = await process.communicate()
    await listener.close()
    return printed.decode(errors="replace"), seen[0] if seen else None


@EDITIONS
@pytest.mark.parametrize("group", ["P-521", "X448", "X25519:X448:P-521"])
async def test_a_car_of_openssl(edition: Edition, group: str, folder: Path) -> None:
    here = world(edition)
    write(here, folder)
    printed, seen = await s_client(here.charger(iso2=True), folder, "-groups", group, *as_car(folder))
    assert isinstance(seen, TlsInfo), printed
    assert (seen.version, seen.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert len(seen.peer_chain) == 3
    for words in ("New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384", "Verify return code: 0 (ok)"):
        assert words in printed
    ecdsa = ("signing digest: sha512", "ecdsa_secp521r1_sha512")  # older and newer versions of OpenSSL
    signed = ("signature type: ed448",) if edition is Edition.ISO20_ED448 else ecdsa
    assert any(words in printed.lower() for words in signed)
    assert ("X448, 448 bits" if group == "X448" else "secp521r1, 521 bits") in printed
    assert "greetings" in printed
    assert "New Session Ticket" not in printed


@pytest.mark.parametrize(
    ("suites", "chosen"),
    [
        ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        ("TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        ("TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
        ("TLS_AES_128_GCM_SHA256", None),
    ],
)
async def test_suites(suites: str, chosen: str | None, folder: Path) -> None:
    here = world()
    write(here, folder)
    printed, seen = await s_client(here.charger(), folder, "-ciphersuites", suites, *as_car(folder))
    if chosen is None:
        assert isinstance(seen, TlsError)
        assert "none of the cipher suites that we accept" in seen.reason
        assert "handshake failure" in printed
    else:
        assert isinstance(seen, TlsInfo), printed
        assert seen.cipher == chosen


async def test_the_group_of_iso2_only_where_asked_for(folder: Path) -> None:
    """A widespread stack has no other in TLS 1.3."""
    here = world()
    write(here, folder)
    words = ("-groups", "P-256", *as_car(folder))
    printed, seen = await s_client(here.charger(), folder, *words)
    assert isinstance(seen, TlsError), printed
    assert "none of the groups that we accept" in seen.reason
    printed, seen = await s_client(here.charger(profile=ISO20_P256), folder, *words)
    assert isinstance(seen, TlsInfo), printed


async def test_below_1_3_is_refused(folder: Path) -> None:
    here = world()
    write(here, folder)
    printed, seen = await s_client(here.charger(), folder, "-tls1_2", *as_car(folder))
    assert isinstance(seen, TlsError)
    assert seen.code == "UNSUPPORTED_PROTOCOL"
    assert "protocol version" in printed


async def test_both_editions_on_one_port(folder: Path) -> None:
    here = world()
    write(here, folder)
    charger = here.charger(iso2=True)
    old, seen = await s_client(charger, folder, "-tls1_2", root="v2g/root.pem")
    assert isinstance(seen, TlsInfo), old
    assert (seen.version, seen.cipher) == ("TLSv1.2", "ECDHE-ECDSA-AES128-SHA256")
    assert "Verify return code: 0 (ok)" in old
    new, seen = await s_client(charger, folder, *as_car(folder))
    assert isinstance(seen, TlsInfo), new
    assert seen.version == "TLSv1.3"


async def test_a_car_without_certificate(folder: Path) -> None:
    here = world()
    write(here, folder)
    printed, seen = await s_client(here.charger(), folder)
    assert isinstance(seen, TlsError)
    assert seen.code == "PEER_DID_NOT_RETURN_A_CERTIFICATE"
    assert "certificate required" in printed


@asynccontextmanager
async def s_server(place: Path, *words: str) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """Run openssl s_server as a charger of -20 and yield its port."""
    pki = place / "pki" / "iso20"
    process = await asyncio.create_subprocess_exec(
        OPENSSL,
        "s_server",
        "-accept",
        "[::1]:0",
        "-cert",
        f"{pki}/cpo/secc_leaf.pem",
        "-key",
        f"{pki}/cpo/secc_leaf.key",
        "-cert_chain",
        f"{place}/charger_sub_cas.pem",
        "-CAfile",
        f"{pki}/oem/root.pem",
        "-Verify",
        "4",
        "-verify_return_error",
        "-naccept",
        "1",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(LIMIT_S):
            while not (line := await process.stdout.readline()).startswith(b"ACCEPT"):
                assert line, "s_server ended early"
        yield int(line.rpartition(b":")[2]), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@EDITIONS
@pytest.mark.parametrize(
    "words", [(), ("-groups", "P-521"), ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256")]
)
async def test_a_charger_of_openssl(edition: Edition, words: tuple[str, ...], folder: Path) -> None:
    here = world(edition)
    write(here, folder)
    async with s_server(folder, "-tls1_3", *words) as (port, process):
        stream = await client_tls(await TcpNetwork().connect("::1", port), here.ev())
        assert stream.tls.version == "TLSv1.3"
        assert stream.tls.cipher == (words[1] if "-ciphersuites" in words else "TLS_AES_256_GCM_SHA384")
        await stream.write(b"hello\n")
        assert process.stdout is not None
        printed = b""
        async with asyncio.timeout(LIMIT_S):
            while b"hello" not in printed:
                printed += await process.stdout.read(4096)
        await stream.close()
    assert b"CN = WMIKATEVCC001" in printed or b"CN=WMIKATEVCC001" in printed


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("-tls1_2",), "does not speak our TLS version"),
        (("-tls1_3", "-groups", "P-256"), "no common cipher suite or parameters"),
        (
            ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"),
            "ISO 15118-20 allows|no common cipher suite",
        ),
    ],
    ids=["1.2", "P-256", "AES-128"],
)
async def test_a_charger_that_cannot_do_what_we_ask(
    words: tuple[str, ...], problem: str, folder: Path
) -> None:
    here = world()
    write(here, folder)
    async with s_server(folder, *words) as (port, _):
        with pytest.raises(TlsError, match=problem):
            await client_tls(await TcpNetwork().connect("::1", port), here.ev())
