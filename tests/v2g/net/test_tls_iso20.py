"""TLS as ISO 15118-20 asks for it, and both editions on one port."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from pki import vehicle_files
from pki.defects import Bench, defect
from pki.entropy import SeededEntropy
from pki.profiles import Edition
from tests.conftest import VirtualTime
from tests.v2g.net.iso20 import SUITES, YESTERDAY, World, only, world
from v2g.errors import ConnectionClosedError, TlsError, V2GError
from v2g.net.simulated import DELIVER, Fate, Piece, SimulatedNetwork
from v2g.net.stream import Stream, TlsInfo
from v2g.net.tls import (
    ISO20,
    ISO20_X448,
    ClientTls,
    Iso20Client,
    Iso20Server,
    ServerTls,
    TlsProfile,
    client_tls,
    server_tls,
)

EDITIONS = pytest.mark.parametrize("edition", SUITES)


class Outcome:
    """What each side saw: its TlsInfo or its error."""

    def __init__(self) -> None:
        self.car: TlsInfo | V2GError | None = None
        self.charger: TlsInfo | V2GError | None = None
        self.sent: list[bytes] = []


async def _drive(ev: ClientTls, charger: ServerTls, seen: Outcome, chunk_size: int | None) -> None:
    done = asyncio.Event()

    async def serve(stream: Stream) -> None:
        try:
            tls = await server_tls(stream, charger)
            seen.charger = tls.tls
            while data := await tls.read():
                await tls.write(data)
            await tls.close()
        except V2GError as error:
            seen.charger = error
        finally:
            done.set()

    def watch(piece: Piece) -> Fate:
        if piece.to_listener:
            seen.sent.append(piece.data)
        return DELIVER

    network = SimulatedNetwork(fault=watch, chunk_size=chunk_size)
    listener = await network.listen("", 0, serve)
    raw = await network.connect("::1", listener.port)
    try:
        stream = await client_tls(raw, ev)
        seen.car = stream.tls
        await stream.write(b"hello")
        received = b""
        while len(received) < 5 and (data := await stream.read()):
            received += data
        if received != b"hello":
            seen.car = ConnectionClosedError(f"read {received!r}")
        await stream.close()
    except V2GError as error:
        seen.car = error
    await done.wait()
    await listener.close()


@pytest.fixture
def drive(virtual_time: VirtualTime) -> Callable[..., Outcome]:
    def run(ev: ClientTls, charger: ServerTls, chunk_size: int | None = None) -> Outcome:
        seen = Outcome()
        virtual_time(_drive(ev, charger, seen, chunk_size))
        return seen

    return run


Drive = Callable[..., Outcome]


def established(info: TlsInfo | V2GError | None) -> TlsInfo:
    assert isinstance(info, TlsInfo), info
    return info


def ders(chain: tuple[x509.Certificate, ...] | list[x509.Certificate]) -> tuple[bytes, ...]:
    from cryptography.hazmat.primitives.serialization import Encoding

    return tuple(item.public_bytes(Encoding.DER) for item in chain)


@pytest.mark.parametrize("profile", [ISO20, ISO20_X448], ids=["secp521r1", "x448"])
@EDITIONS
def test_both_sides_show_certificates(edition: Edition, profile: TlsProfile, drive: Drive) -> None:
    """The charger takes either group, whatever its own choice would be."""
    here = world(edition)
    seen = drive(here.ev(profile=profile), here.charger())
    car, charger = established(seen.car), established(seen.charger)
    for info in (car, charger):
        assert (info.version, info.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert car.peer_chain == ders(here.iso20.chain("secc_leaf"))
    assert charger.peer_chain == ders(here.car.vehicle_chain)


@pytest.mark.parametrize("chunk_size", [1, 100])
def test_any_chunking_of_the_handshake(chunk_size: int, drive: Drive) -> None:
    here = world()
    assert established(drive(here.ev(), here.charger(iso2=True), chunk_size).charger).version == "TLSv1.3"


def test_a_vehicle_certificate_under_the_v2g_root(drive: Drive) -> None:
    here = world()
    files = here.another_car(under_v2g_root=True)
    assert established(drive(here.ev(files=files), here.charger()).charger).peer_chain == ders(
        files.vehicle_chain
    )


def test_no_tickets_and_no_other_group(drive: Drive) -> None:
    here = world()
    seen = drive(here.ev(), here.charger())
    hello = seen.sent[0]
    assert bytes.fromhex("000a000400020019") in hello  # one group, secp521r1
    assert bytes.fromhex("002b0003020304") in hello  # one version, 1.3


@pytest.mark.parametrize(
    ("offers_iso2", "offers_iso20", "prefer", "version"),
    [
        (True, False, True, "TLSv1.2"),
        (False, True, False, "TLSv1.3"),
        (True, True, True, "TLSv1.3"),
        (True, True, False, "TLSv1.2"),
    ],
)
def test_one_charger_any_car(
    offers_iso2: bool, offers_iso20: bool, prefer: bool, version: str, drive: Drive
) -> None:
    here = world()
    ev = here.ev(iso2=offers_iso2) if offers_iso20 else ClientTls([here.iso2["v2g_root"].certificate])
    seen = drive(ev, here.charger(iso2=True, prefer_iso20=prefer))
    car, charger = established(seen.car), established(seen.charger)
    assert car.version == charger.version == version
    ours = here.iso20 if version == "TLSv1.3" else here.iso2
    assert car.peer_chain == ders(ours.chain("secc_leaf"))
    assert bool(charger.peer_chain) == (version == "TLSv1.3")


def test_nothing_below_1_3_where_there_is_only_iso20(drive: Drive) -> None:
    here = world()
    seen = drive(ClientTls([here.iso2["v2g_root"].certificate]), here.charger())
    assert "does not speak our TLS version" in str(seen.car)
    assert "does not speak the TLS version that we ask for" in str(seen.charger)


def test_a_car_of_iso20_at_an_old_charger(drive: Drive) -> None:
    here = world()
    seen = drive(here.ev(), ServerTls(here.iso2.chain("secc_leaf"), here.iso2["secc_leaf"].signer()))
    assert "does not speak our TLS version" in str(seen.car)


def raw_car(here: World, **changes: object) -> ClientTls:
    """A car whose OpenSSL context is changed behind our back."""
    ev = here.ev()
    for name, value in changes.items():
        setattr(ev.context, name, value)
    return ev


def test_a_car_without_certificate(drive: Drive) -> None:
    here = world()
    ev = here.ev()
    ev.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ev.context.check_hostname = False
    ev.context.verify_mode = ssl.CERT_NONE
    seen = drive(ev, here.charger())
    assert str(seen.charger) == "TLS: the peer sent no certificate (PEER_DID_NOT_RETURN_A_CERTIFICATE)"
    assert "it asks for a certificate and got none" in str(seen.car)


def test_a_car_of_another_market(drive: Drive) -> None:
    here, other = world(), world(seed=2)
    seen = drive(here.ev(files=other.car, roots=[here.iso20["v2g_root"].certificate]), here.charger())
    assert isinstance(seen.charger, TlsError)
    assert "the peer's certificate is not accepted" in str(seen.charger)
    assert "(trusted roots: DC=V2G,O=PnC Lab,CN=OEM Root CA, DC=V2G," in str(seen.charger)
    assert "it does not trust the root of our certificate chain" in str(seen.car)


def test_a_charger_of_another_market(drive: Drive) -> None:
    here, other = world(), world(seed=2)
    seen = drive(here.ev(), other.charger())
    assert "unknown_issuer: DC=CPO,O=PnC Lab,CN=CPO Sub-CA 1" in str(seen.car)
    assert "it does not trust the root" in str(seen.charger)


def test_an_expired_car(drive: Drive) -> None:
    long_ago = YESTERDAY - timedelta(days=365 * 11)
    old = world(at=long_ago)
    charger = world(seed=3)
    server = ServerTls(
        iso20=Iso20Server(
            charger.iso20.chain("secc_leaf"),
            charger.iso20["secc_leaf"].signer(),
            [old.iso20["oem_root"].certificate],
        )
    )
    seen = drive(old.ev(roots=[charger.iso20["v2g_root"].certificate]), server)
    assert "certificate has expired" in str(seen.charger)
    assert "the peer refuses: our certificate has expired" in str(seen.car)


def test_an_expired_charger(drive: Drive) -> None:
    here = world(at=YESTERDAY - timedelta(days=61))
    seen = drive(here.ev(), here.charger())
    assert "certificate has expired (expired: DC=CPO,O=PnC Lab,CN=DEPNCS0001: valid until" in str(seen.car)
    assert "the peer refuses: our certificate has expired" in str(seen.charger)


@pytest.mark.parametrize("edition", SUITES)
@pytest.mark.parametrize("name", ["wrong_domain", "too_large", "wrong_curve"])
def test_rules_that_openssl_does_not_know(name: str, edition: Edition, drive: Drive) -> None:
    """The charger names certificate and rule and closes; the car was told nothing by TLS."""
    here = world(edition)
    profile = edition.profiles["vehicle"]
    wrong = defect(name)
    made = wrong.make(Bench(here.iso20, profile, "WMIKATEVCC001", YESTERDAY, SeededEntropy(9)))
    files = replace(here.car, vehicle=made.leaf, vehicle_sub_cas=made.intermediates)
    seen = drive(here.ev(files=files), here.charger())
    assert isinstance(seen.charger, TlsError)
    assert seen.charger.code == wrong.rule
    assert f"{wrong.rule}: " in seen.charger.reason
    assert "CN=WMIKATEVCC001" in seen.charger.reason
    assert isinstance(seen.car, ConnectionClosedError)
    assert established(drive(here.ev(files=files), here.charger(strict=False)).charger).version == "TLSv1.3"


def test_a_charger_whose_certificate_breaks_a_rule(drive: Drive) -> None:
    here = world()
    profile = Edition.ISO20.profiles["secc_leaf"]
    made = defect("wrong_domain").make(Bench(here.iso20, profile, "X", YESTERDAY, SeededEntropy(9)))
    server = ServerTls(
        iso20=Iso20Server(
            (made.leaf.certificate, *made.intermediates),
            made.leaf.signer(),
            [here.iso20["oem_root"].certificate],
        )
    )
    seen = drive(here.ev(), server)
    assert isinstance(seen.car, TlsError)
    assert seen.car.code == "wrong_domain"


def test_certificates_of_iso2_are_refused_unless_told_otherwise(drive: Drive) -> None:
    """As a widespread stack has it: TLS 1.3 with the P-256 certificates of -2."""
    here = world()
    old = here.iso2
    files = vehicle_files.VehicleFiles(
        old["secc_leaf"],
        tuple(old.chain("cpo_sub_ca2")),
        old["secc_leaf"],
        (),
        (old["v2g_root"].certificate,),
    )
    own = here.iso20_charger()
    for strict in (True, False):
        seen = drive(
            here.ev(files=files, roots=[here.iso20["v2g_root"].certificate]),
            ServerTls(iso20=replace(own, vehicle_roots=[old["v2g_root"].certificate], strict=strict)),
        )
        if strict:
            assert "wrong_key_type" in str(seen.charger)
        else:
            assert established(seen.charger).version == "TLSv1.3"


def test_suites_that_the_standard_does_not_have(drive: Drive) -> None:
    """The charger refuses before the handshake begins; the peer gets its alert."""
    here = world()
    seen = drive(here.ev(), here.charger(profile=only("TLS_SOMETHING_NEW")))
    assert isinstance(seen.charger, TlsError)
    assert seen.charger.code == "NO_SHARED_CIPHER"
    assert "we accept TLS_SOMETHING_NEW" in seen.charger.reason
    assert "no common cipher suite" in str(seen.car)


def test_a_charger_that_chooses_another_suite(drive: Drive) -> None:
    here = world()
    seen = drive(here.ev(profile=only("TLS_CHACHA20_POLY1305_SHA256")), here.charger())
    if hasattr(ssl.SSLContext, "set_ciphersuites"):
        assert established(seen.car).cipher == "TLS_CHACHA20_POLY1305_SHA256"
    else:
        assert "the peer chose TLS_AES_256_GCM_SHA384; ISO 15118-20 allows TLS_CHACHA20" in str(seen.car)


def test_no_group_in_common(drive: Drive) -> None:
    here = world()
    seen = drive(here.ev(profile=replace(ISO20, curve="secp384r1", others=())), here.charger())
    assert "none of the groups that we accept" in str(seen.charger)


@pytest.mark.parametrize(
    ("years", "problem"),
    [(0, None), (20, "has expired"), (-1, "is not yet valid")],
    ids=["good", "late", "early"],
)
def test_validity_on_another_clock(years: int, problem: str | None, drive: Drive) -> None:
    made = datetime(1999, 1, 1, tzinfo=UTC)
    here = world(at=made)
    at = made + timedelta(days=1 + 365 * years)
    iso20 = Iso20Client(here.car.v2g_roots, here.car.vehicle_chain, here.car.vehicle.signer(), strict=False)
    seen = drive(
        ClientTls(iso20=iso20, now=lambda: made + timedelta(days=1)),
        ServerTls(iso20=replace(here.iso20_charger(), strict=False), now=lambda: at),
    )
    if problem is None:
        assert established(seen.charger).version == "TLSv1.3"
    else:
        assert problem in str(seen.charger)


def test_files(tmp_path: Path, drive: Drive) -> None:
    here = world(Edition.ISO20_ED448)
    here.iso2.save(tmp_path / "pki", iso20=here.iso20)
    vehicle_files.save(here.car, tmp_path / "car")
    pki, car = tmp_path / "pki" / "iso20", tmp_path / "car" / "iso20"
    seen = drive(
        ClientTls(iso20=Iso20Client(car / "roots/v2g", car / "vehicle_chain.pem", car / "vehicle.key")),
        ServerTls(
            iso20=Iso20Server(pki / "cpo/secc_chain.pem", pki / "cpo/secc_leaf.key", [pki / "oem/root.pem"])
        ),
    )
    assert established(seen.charger).version == "TLSv1.3"


def test_what_is_missing_is_said() -> None:
    here = world()
    own = here.iso20_charger()
    for call, words in (
        (ClientTls, "no V2G root certificate to verify"),
        (ServerTls, "no certificate for the charger"),
        (lambda: ServerTls(here.iso2.chain("secc_leaf")), "no key for the charger's certificate"),
        (lambda: ServerTls(iso20=replace(own, vehicle_roots=[])), "no root certificate to verify cars"),
        (lambda: ServerTls(iso20=replace(own, chain=[])), "no certificate for the charger"),
        (lambda: here.ev(roots=[]), "no V2G root certificate of ISO 15118-20"),
        (
            lambda: ClientTls(iso20=Iso20Client(here.car.v2g_roots, [], here.car.vehicle.signer())),
            "no vehicle certificate",
        ),
    ):
        with pytest.raises(TlsError, match=words):
            call()


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "plain HTTP"),
        (bytes.fromhex("01fe80010000000280980000"), "not TLS"),
        (b"", "went away|closed the connection"),
        (bytes.fromhex("1603010005010000"), "closed the connection"),
    ],
    ids=["http", "v2gtp", "nothing", "half"],
)
@pytest.mark.parametrize("iso2", [True, False])
def test_nonsense_instead_of_a_handshake(
    greeting: bytes, words: str, iso2: bool, virtual_time: VirtualTime
) -> None:
    charger = world().charger(iso2=iso2)

    async def scenario() -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def serve(stream: Stream) -> None:
            with pytest.raises(TlsError, match=words):
                await server_tls(stream, charger)
            done.set_result(None)

        network = SimulatedNetwork()
        listener = await network.listen("", 0, serve)
        stream = await network.connect("::1", listener.port)
        await stream.write(greeting)
        await stream.close()
        await done
        await listener.close()

    virtual_time(scenario())
