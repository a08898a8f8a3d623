"""Roots, chains and keys for TLS: as objects, files and folders, and what is said when they do not fit."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from pki.hierarchy import Hierarchy
from tests.conftest import VirtualTime
from v2g.errors import TlsError
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, ServerTls, client_tls, server_tls


@pytest.fixture
def folder(hierarchy: Hierarchy, tmp_path: Path) -> Path:
    hierarchy.save(tmp_path / "pki")
    return tmp_path / "pki"


async def connect(ev: ClientTls, charger: ServerTls) -> str:
    async def serve(stream: Stream) -> None:
        await server_tls(stream, charger)

    network = SimulatedNetwork()
    listener = await network.listen("", 0, serve)
    stream = await client_tls(await network.connect("::1", listener.port), ev)
    await stream.close()
    await listener.close()
    return stream.tls.version


@pytest.mark.parametrize("roots", ["v2g/root.pem", "v2g/root.der", "v2g"])
def test_files_and_folders(roots: str, folder: Path, virtual_time: VirtualTime) -> None:
    charger = ServerTls(folder / "cpo/secc_chain.pem", folder / "cpo/secc_leaf.key")
    assert virtual_time(connect(ClientTls(folder / roots), charger)) == "TLSv1.2"
    assert virtual_time(connect(ClientTls([folder / roots]), charger)) == "TLSv1.2"


def test_a_key_of_another_certificate(hierarchy: Hierarchy) -> None:
    with pytest.raises(TlsError, match="cannot be used: the key does not belong to the certificate"):
        ServerTls(hierarchy.chain("secc_leaf"), hierarchy["cps_leaf"].signing_key())


def test_missing_and_damaged_files(hierarchy: Hierarchy, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    for path in (damaged, tmp_path / "missing.pem"):
        with pytest.raises(TlsError, match=f"cannot read certificates from {path}"):
            ClientTls(path)
    with pytest.raises(
        TlsError, match=r"certificate and key \(.*missing\.key\) cannot be used: .*No such file"
    ):
        ServerTls(hierarchy.chain("secc_leaf"), tmp_path / "missing.key")


def test_nothing_to_trust_and_nothing_to_show(hierarchy: Hierarchy, tmp_path: Path) -> None:
    with pytest.raises(TlsError, match="no V2G root certificate"):
        ClientTls(tmp_path)
    with pytest.raises(TlsError, match="no certificate for the charger"):
        ServerTls([], hierarchy["secc_leaf"].signing_key())


def test_an_encrypted_key_is_refused_without_asking_the_terminal(
    hierarchy: Hierarchy, tmp_path: Path
) -> None:
    key = tmp_path / "encrypted.key"
    key.write_bytes(
        hierarchy["secc_leaf"]
        .signing_key()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    with pytest.raises(TlsError, match="cannot be used"):
        ServerTls(hierarchy.chain("secc_leaf"), key)
