"""The TLS key log: only when asked for, readable by its owner only, and gone when it was temporary."""

import stat
from pathlib import Path

from pki.hierarchy import Hierarchy
from tests.conftest import VirtualTime
from v2g.net.keylog import KeyLog
from v2g.net.simulated import SimulatedNetwork
from v2g.net.stream import Stream
from v2g.net.tls import ClientTls, ServerTls, client_tls, server_tls


async def connect(hierarchy: Hierarchy, charger: ServerTls, keylog: KeyLog | None, times: int = 1) -> None:
    async def serve(stream: Stream) -> None:
        await server_tls(stream, charger)

    ev = ClientTls([hierarchy["v2g_root"].certificate], keylog=keylog)
    network = SimulatedNetwork()
    listener = await network.listen("", 0, serve)
    for _ in range(times):
        stream = await client_tls(await network.connect("::1", listener.port), ev)
        await stream.close()
    await listener.close()


def test_a_temporary_log_hands_out_lines_and_disappears(
    hierarchy: Hierarchy, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    read: list[bytes] = []
    with KeyLog(reader=read.append) as keylog:
        assert stat.S_IMODE(keylog.path.stat().st_mode) == 0o600
        virtual_time(connect(hierarchy, charger_tls, keylog, times=2))
        assert keylog.poll() == b""
    assert keylog.poll() == b""
    assert len(read) == 2
    for lines in read:
        label, client_random, secret = lines.split()
        assert (label, len(client_random), len(secret)) == (b"CLIENT_RANDOM", 64, 96)


def test_a_named_log_is_appended_to_and_kept(
    tmp_path: Path, hierarchy: Hierarchy, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    path = tmp_path / "keys.log"
    path.write_text("CLIENT_RANDOM from before\n")
    read: list[bytes] = []
    with KeyLog(path, read.append) as keylog:
        virtual_time(connect(hierarchy, charger_tls, keylog))
    assert len(b"".join(read).splitlines()) == 1
    assert path.read_bytes().startswith(b"CLIENT_RANDOM from before\n")
    assert path.read_bytes().endswith(read[0])


def test_nothing_is_logged_unless_asked_for(
    hierarchy: Hierarchy, charger_tls: ServerTls, virtual_time: VirtualTime
) -> None:
    with KeyLog() as keylog:
        virtual_time(connect(hierarchy, charger_tls, None))
        assert keylog.path.read_bytes() == b""


def test_a_detached_context_logs_no_more(
    hierarchy: Hierarchy, charger_tls: ServerTls, virtual_time: VirtualTime, tmp_path: Path
) -> None:
    path = tmp_path / "keys.log"
    keylog = KeyLog(path)
    keylog.close()
    keylog.close()
    virtual_time(connect(hierarchy, charger_tls, None))
    assert path.read_bytes() == b""


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    path = tmp_path / "keys.log"
    read: list[bytes] = []
    with KeyLog(path, read.append) as keylog, path.open("ab", buffering=0) as writer:
        writer.write(b"# comment\nCLIENT_RANDOM a")
        assert keylog.poll() == b""
        writer.write(b"b c\n")
        assert keylog.poll() == b"CLIENT_RANDOM ab c\n"
    assert read == [b"CLIENT_RANDOM ab c\n"]
