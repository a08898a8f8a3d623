"""tshark, an outside judge, reads the same from our captures as we do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from lab.captures.files import Packet, Secrets, open_items
from lab.captures.keylog import KeyRing
from lab.captures.link import Segment, dissect
from lab.captures.tcp import Data, Reassembler
from lab.captures.tls import Plaintext, TlsReader
from tests.lab.captures.conftest import Scene

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def tshark(capture: Path, *options: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(capture), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


@pytest.fixture(params=["scene2", "scene20"])
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(request.param)
    return found


def test_frames_and_their_times(scene: Scene) -> None:
    ours = [item for item in open_items(scene.capture) if isinstance(item, Packet)]
    theirs = tshark(scene.capture, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len")
    assert len(theirs) == len(ours)
    for line, packet in zip(theirs, ours, strict=True):
        t, length = line.split("\t")
        assert float(t) == pytest.approx(packet.t, abs=1e-6)
        assert int(length) == len(packet.data)


def test_checksums_add_up_and_nothing_looks_odd(scene: Scene) -> None:
    checks = ("-o", "tcp.check_checksum:TRUE", "-Y", "tcp.checksum.status == 0 or tcp.analysis.flags")
    assert tshark(scene.capture, *checks) == []


def test_stream_bytes(scene: Scene) -> None:
    raw = tshark(scene.capture, "-q", "-z", "follow,tcp,raw,0")
    start = next(number for number, line in enumerate(raw) if line.startswith("Node 1"))
    theirs = [b"", b""]
    for line in raw[start + 1 : -1]:
        theirs[line.startswith("\t")] += bytes.fromhex(line.strip())
    assert [b"".join(part) for part in _streams(scene)] == theirs


def test_tls_application_data(scene: Scene) -> None:
    raw = tshark(scene.capture, "-q", "-z", "follow,tls,raw,0")
    start = next(number for number, line in enumerate(raw) if line.startswith("Node 1"))
    theirs = [b"", b""]
    for line in raw[start + 1 : -1]:
        theirs[line.startswith("\t")] += bytes.fromhex(line.strip())
    keys = KeyRing()
    for item in open_items(scene.capture):
        if isinstance(item, Secrets):
            keys.add(item.lines)
    reader, ours = TlsReader(keys), [b"", b""]
    for data in _data(scene):
        for event in reader.feed(data.side, data.data):
            if isinstance(event, Plaintext):
                ours[event.side] += event.data
    # Which side tshark calls node 0 depends on which of them spoke first inside TLS.
    assert sorted(ours) == sorted(theirs)
    assert all(ours)


def _data(scene: Scene) -> list[Data]:
    reassembler, found = Reassembler(), []
    for item in open_items(scene.capture):
        if isinstance(item, Packet):
            segment = dissect(item.link_type, item.data)
            if isinstance(segment, Segment):
                found += [event for event in reassembler.feed(segment, item.t) if isinstance(event, Data)]
    return found


def _streams(scene: Scene) -> tuple[list[bytes], list[bytes]]:
    data = _data(scene)
    return [event.data for event in data if event.side == 0], [
        event.data for event in data if event.side == 1
    ]
