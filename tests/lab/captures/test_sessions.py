"""Whole captures: what the decoder tells is what the car told itself."""

import io
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import exi
from lab.captures.checks import Anchors
from lab.captures.files import CaptureFileError, Item, Packet, Secrets, open_items, read_items
from lab.captures.keylog import KeyRing
from lab.captures.sessions import Decoder, Summary
from lab.explain.source import read_trust
from lab.model import Outcome
from lab.runs import build
from lab.trace_file import Event, Trace
from tests.lab.captures.conftest import Scene
from v2g.capture import Capture
from v2g.messages import appprotocol, iso2
from v2g.protocols import ISO2, ISO20_DC
from v2g.sdp import SdpRequest, SdpResponse, Security
from v2g.v2gtp import PayloadType, encode_frame

CAR, CHARGER = "[fe80::c]:50000", "[fe80::1]:61341"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def decode(
    items: Sequence[Item], anchors: Anchors | None = None, keys: KeyRing | None = None
) -> tuple[list[Event], Summary]:
    decoder = Decoder(keys or KeyRing(), anchors or Anchors())
    return list(decoder.run(items)), decoder.summary


def items_of(path: Path) -> list[Item]:
    return list(open_items(path))


def messages(events: list[Event]) -> list[tuple[str, str]]:
    kinds = {"message.sent", "message.received"}
    return [(e.text("name") or "", e.text("exi") or "") for e in events if e.kind in kinds]


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


@pytest.fixture(params=["scene2", "scene20"])
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(request.param)
    return found


def test_every_message_is_the_one_that_the_car_tells_of(scene: Scene) -> None:
    events, summary = decode(items_of(scene.capture), Anchors(*read_trust([str(scene.roots)])))
    assert messages(events) == scene.messages
    assert (summary.sessions, summary.locked, summary.undecoded) == (1, 0, 0)
    assert summary.messages == len(scene.messages)
    (session,) = build(Trace(tuple(sorted(events, key=lambda event: event.t)))).sessions
    assert session.outcome is Outcome.OK
    assert session.installed
    assert session.emaid == scene.run.events("contract.used")[0]["emaid"]
    assert session.tls is not None
    assert session.tls.text("peer_subject") == scene.run.events("tls.established")[0]["peer_subject"]
    assert all(exchange.limit_s for exchange in session.exchanges)
    assert {event.session for event in events if event.kind == "session.ended"} == {
        scene.run.report.session_id
    }


def test_signatures_and_chains_hold_with_the_roots(scene20: Scene) -> None:
    events, summary = decode(items_of(scene20.capture), Anchors(*read_trust([str(scene20.roots)])))
    assert summary.complete
    assert {event.text("what") for event in events if event.kind == "signature.verified"} == {
        "CertificateInstallationReq",
        "CertificateInstallationRes",
        "AuthorizationReq",
    }
    assert len([event for event in events if event.kind == "certificate.verified"]) == 5


def test_a_chain_to_a_root_that_was_not_given_is_told(scene2: Scene) -> None:
    events, summary = decode(items_of(scene2.capture), Anchors(*read_trust([str(scene2.roots)])))
    (rejected,) = [event for event in events if event.kind == "certificate.rejected"]
    assert "is not a trusted root" in (rejected.text("detail") or "")
    assert summary.rejected == 1


def test_without_roots_signatures_are_checked_and_chains_are_not(scene: Scene) -> None:
    events, summary = decode(items_of(scene.capture))
    assert kinds(events).count("signature.verified") == 3
    assert "certificate.verified" not in kinds(events)
    assert summary.complete


def test_a_forged_signature_is_told(scene2: Scene) -> None:
    messages_ = [
        record for record in scene2.run.trace.records if str(record.get("name")) == "AuthorizationReq"
    ]
    request = exi.decode(bytes.fromhex(str(messages_[0]["exi"])), iso2.SCHEMA)
    assert isinstance(request, iso2.V2G_Message)
    assert request.header.signature is not None
    value = request.header.signature.signature_value
    value.value = bytes(64)
    plain = [
        exi.encode(request, iso2.SCHEMA).hex() if name == "AuthorizationReq" else payload
        for name, payload in scene2.messages
    ]
    events, summary = decode(plaintext(plain))
    (failed,) = [event for event in events if event.kind == "signature.failed"]
    assert failed.text("what") == "AuthorizationReq"
    assert summary.rejected == 1


def test_without_keys_nothing_is_decoded_and_it_is_said_why(scene: Scene) -> None:
    locked = [item for item in items_of(scene.capture) if not isinstance(item, Secrets)]
    events, summary = decode(locked)
    assert not events
    assert summary.sessions == 0
    assert "no keys for client random" in summary.strangers[0]


def test_without_keys_a_charger_named_by_sdp_is_a_session(scene: Scene, tmp_path: Path) -> None:
    locked = [item for item in items_of(scene.capture) if not isinstance(item, Secrets)]
    events, summary = decode([*sdp(tmp_path), *locked])
    assert kinds(events) == ["sdp.sent", "sdp.received", "tcp.connected", "tls.failed", "session.ended"]
    assert (summary.sessions, summary.locked) == (1, 1)


def sdp(folder: Path) -> list[Item]:
    capture = Capture(folder / "sdp.pcapng")
    request, response = SdpRequest(Security.TLS), SdpResponse(IPv6Address("fe80::1"), 61_341, Security.TLS)
    capture.add_udp("[fe80::e0]:50001", "[ff02::1]:15118", request.encode(), NOW)
    capture.add_udp("[fe80::1]:15118", "[fe80::e0]:50001", response.encode(), NOW)
    capture.close()
    return items_of(folder / "sdp.pcapng")


def plaintext(
    payloads: list[str] | None = None, *, frames: list[bytes] | None = None, begun: bool = True
) -> list[Item]:
    """A plain TCP session in which car and charger take turns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plain.pcapng"
        capture = Capture(path)
        record = capture.open_tcp(CAR, CHARGER, NOW, outgoing=True)
        if frames is None:
            frames = [encode_frame(PayloadType.EXI, bytes.fromhex(text)) for text in payloads or []]
        for number, frame in enumerate(frames):
            at = NOW + timedelta(seconds=0.1 * (number + 1))
            (record.received if number % 2 else record.sent)(frame, at)
        record.closed(NOW + timedelta(minutes=1))
        record.peer_closed(NOW + timedelta(minutes=1))
        capture.close()
        items = items_of(path)
    return items if begun else items[3:]


def offer(namespace: str) -> list[bytes]:
    """SupportedAppProtocol that agrees on a namespace."""
    request = appprotocol.SupportedAppProtocolReq(
        app_protocol=[
            appprotocol.AppProtocol(
                protocol_namespace=namespace,
                version_number_major=2,
                version_number_minor=0,
                schema_id=7,
                priority=1,
            )
        ]
    )
    response = appprotocol.SupportedAppProtocolRes(
        response_code=appprotocol.ResponseCode.OK_SuccessfulNegotiation, schema_id=7
    )
    return [
        encode_frame(PayloadType.EXI, exi.encode(message, appprotocol.SCHEMA))
        for message in (request, response)
    ]


def test_plain_tcp_with_times(scene2: Scene) -> None:
    events, summary = decode(plaintext([payload for _, payload in scene2.messages]))
    assert messages(events) == scene2.messages
    assert summary.complete
    response = next(event for event in events if event.kind == "message.received")
    assert response.number("elapsed_s") == pytest.approx(0.1)
    assert (response.number("limit_s"), response.text("limit_name")) == (2.0, "V2G_EVCC_Msg_Timeout")
    ended = events[-1]
    assert (ended.kind, ended.text("outcome"), ended.text("protocol")) == ("session.ended", "ok", "iso2")


def test_a_capture_that_begins_in_the_middle_is_decoded_by_what_fits(scene2: Scene) -> None:
    payloads = [payload for _, payload in scene2.messages][3:]
    items = plaintext(payloads, begun=False)
    events, summary = decode(items)
    # Who opened the connection is not known: the first message, a response, tells.
    assert messages(events) == scene2.messages[3:]
    assert kinds(events)[2] == "message.received"
    assert "the beginning of the connection" in summary.remarks[0]


def test_what_cannot_be_decoded_is_shown_with_its_bytes() -> None:
    junk = encode_frame(PayloadType.EXI, bytes.fromhex("80ffffff"))
    events, summary = decode(plaintext(frames=[*offer(ISO2.namespace), junk]))
    (rejected,) = [event for event in events if event.kind == "message.rejected"]
    assert rejected.text("exi") == "80ffffff"
    assert rejected.integer("bit_offset") is not None
    assert (summary.undecoded, summary.complete) == (1, False)


def test_a_namespace_without_schema_is_named() -> None:
    events, _ = decode(plaintext(frames=offer("urn:example:unheard-of")))
    (error,) = [event for event in events if event.kind == "error"]
    assert "urn:example:unheard-of" in (error.text("detail") or "")


def test_a_wrong_payload_type_is_read_and_remarked(scene20: Scene) -> None:
    name, payload = next(item for item in scene20.messages if item[0] == "CertificateInstallationReq")
    wrong = encode_frame(PayloadType.EXI, bytes.fromhex(payload))
    events, summary = decode(plaintext(frames=[*offer(ISO20_DC.namespace), wrong]))
    assert messages(events)[-1][0] == name
    sent = next(event for event in events if event.text("name") == name)
    assert "0x8001" in (sent.text("remark") or "")
    assert summary.undecoded == 0


def test_bytes_that_are_missing_are_told_and_the_rest_is_read(scene2: Scene) -> None:
    items = plaintext([payload for _, payload in scene2.messages])
    del items[3 + 4]  # the fifth message, ServiceDiscoveryReq
    events, summary = decode(items)
    names = [name for name, _ in scene2.messages]
    assert [name for name, _ in messages(events)] == names[:4] + names[5:]
    assert summary.undecoded == 1
    assert "missing in the capture" in next(
        e.text("reason") or "" for e in events if e.kind == "message.rejected"
    )


def test_other_traffic_is_no_session() -> None:
    events, summary = decode(plaintext(frames=[b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]))
    assert not events
    assert (summary.sessions, summary.strangers_count) == (0, 0)


def test_link_types_that_are_not_known_are_counted() -> None:
    _, summary = decode([Packet(0.0, 147, b"?"), Packet(0.0, 147, b"?")])
    assert summary.remarks == ["link type 147 is not known: 2 packets not looked at"]


@given(st.binary(max_size=300))
def test_any_stream_ends_in_events(data: bytes) -> None:
    decode(plaintext(frames=[b"\x01\xfe\x80\x01" + data, data]))


@given(st.data())
def test_a_damaged_capture_ends_in_events(scene2: Scene, data: st.DataObject) -> None:
    changed = bytearray(scene2.capture.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    decoder = Decoder(KeyRing(), Anchors())
    try:
        list(decoder.run(read_items(io.BytesIO(bytes(changed)))))
    except CaptureFileError:
        return
    assert decoder.summary.packets >= 0
