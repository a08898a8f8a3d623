"""The ClientHello, read from the bytes on their way to OpenSSL."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g.net.tls_hello import MAX_HELLO, TLS12, TLS13, ClientHello, HelloReader


def hello_of(*, minimum: ssl.TLSVersion, maximum: ssl.TLSVersion, group: str = "secp521r1") -> bytes:
    """What OpenSSL itself says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version, context.maximum_version = minimum, maximum
    context.set_ecdh_curve(group)
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="x").do_handshake()
    return outgoing.read()


NEW = hello_of(minimum=ssl.TLSVersion.TLSv1_3, maximum=ssl.TLSVersion.TLSv1_3)
OLD = hello_of(minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_2)
BOTH = hello_of(minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_3, group="X448")


def read(data: bytes, pieces: list[int] | None = None) -> HelloReader:
    reader = HelloReader()
    at = 0
    for size in pieces or []:
        if not reader.done:
            reader.feed(data[at : at + size])
            at += size
    if not reader.done:
        reader.feed(data[at:])
    return reader


@pytest.mark.parametrize(
    ("data", "versions", "groups"),
    [
        (NEW, (TLS13,), ("secp521r1",)),
        (OLD, (TLS12,), ("secp521r1",)),
        (BOTH, (TLS13, TLS12), ("x448",)),
    ],
    ids=["1.3", "1.2", "both"],
)
def test_what_openssl_says(data: bytes, versions: tuple[int, ...], groups: tuple[str, ...]) -> None:
    hello = read(data).hello
    assert hello is not None
    assert hello.versions == versions
    assert hello.group_names == groups
    assert ("TLS_AES_256_GCM_SHA384" in hello.suite_names) == (TLS13 in versions)


@given(st.lists(st.integers(1, 60), max_size=30))
def test_any_chunking_gives_the_same(pieces: list[int]) -> None:
    reader = read(BOTH, pieces)
    assert reader.done
    assert reader.hello == read(BOTH).hello
    assert BOTH.startswith(reader.data)


@given(st.integers(1, len(NEW) - 6))
def test_it_may_span_records(cut: int) -> None:
    """One handshake message in two records, as RFC 8446 5.1 allows."""
    body = NEW[5:]
    parts = [part for part in (body[:cut], body[cut:]) if part]
    data = b"".join(b"\x16\x03\x01" + len(part).to_bytes(2, "big") + part for part in parts)
    assert read(data).hello == read(NEW).hello


def test_an_unfinished_one_is_waited_for() -> None:
    reader = HelloReader()
    reader.feed(NEW[:-1])
    waits = not reader.done
    reader.feed(b"")
    assert (waits, reader.done, reader.hello, reader.data) == (True, True, None, NEW[:-1])


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        bytes.fromhex("01fe800100000002"),
        bytes.fromhex("1503030002022800"),
        bytes.fromhex("160301000402000000"),
        bytes.fromhex("1603010000"),
        NEW[:5] + b"\x02" + NEW[6:],
        NEW[:43] + b"\xff" + NEW[44:],
    ],
    ids=["http", "v2gtp", "alert", "server hello", "empty record", "no client hello", "lengths"],
)
def test_what_is_none_is_not_waited_for(data: bytes) -> None:
    reader = read(data)
    assert reader.done
    assert reader.hello is None
    assert reader.data == data


def test_a_flood_is_not_waited_for() -> None:
    """A ClientHello that announces 16 MB."""
    reader = HelloReader()
    while not reader.done:
        reader.feed(b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(16380))
    assert reader.hello is None
    assert len(reader.data) < MAX_HELLO + 16400


@given(st.binary(max_size=400))
def test_any_bytes_give_a_result(data: bytes) -> None:
    for prefix in (b"", NEW[:5], NEW[:60]):
        reader = read(prefix + data)
        assert reader.hello is None or isinstance(reader.hello, ClientHello)


def test_unknown_numbers_are_shown_as_numbers() -> None:
    hello = ClientHello((TLS13,), (0x1302, 0x0A0A), (0x0019, 0x11EC), {})
    assert hello.suite_names == ("TLS_AES_256_GCM_SHA384", "0x0a0a")
    assert hello.group_names == ("secp521r1", "0x11ec")
