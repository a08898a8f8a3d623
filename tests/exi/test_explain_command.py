import json
import os
import subprocess
import sys
from typing import Any

import pytest

import exi
from exi.cli import main
from exi.explain import explain
from exi.explain_command import table
from exi.registry import message_sets
from exi.schema import Item
from tests.exi.vectors import VECTORS, vector
from v2g.messages import iso2, xmldsig

Capture = pytest.CaptureFixture[str]

AUTHORIZATION = "8098020fc29c7096f53a259008"
NAMES = {schema.namespace: schema.name for schema in message_sets().values()}

LONGEST = max(
    (found for found in VECTORS if (found.schema, found.kind) == (iso2.NAMESPACE, "document")),
    key=lambda found: len(found.exi),
)

TABLE = """\
data    13 bytes, read as hex
schema  iso2, document, certain: the only one of 9 that fits

byte.bit  width  bits                      event   code      path                value                datatype
0.0           2  10                        header                                distinguishing bits
0.2           1  0                         header                                no options
0.3           5  00000                     header                                final version 1
1.0           7  1001100                   SE      76 of 81  V2G_Message                              V2G_Message
1.7           1  0                         SE      0 of 2     Header                                  MessageHeader
2.0           1  0                         SE      0 of 2      SessionID                              hexBinary, length at most 8
2.1           1  0                         CH      0 of 2      SessionID
2.2           8  00001000                  length              SessionID         8                    unsigned integer
3.2          64  001111110000101001110...  value               SessionID         3F0A71C25BD4E896     hexBinary, length at most 8
11.2          1  0                         EE      0 of 2      SessionID
11.3          2  10                        EE      2 of 4     Header
11.5          1  0                         SE      0 of 2     Body                                    Body
11.6          6  000000                    SE      0 of 37     AuthorizationReq                       AuthorizationReq
12.4          2  10                        EE      2 of 4      AuthorizationReq
12.6          1  0                         EE      0 of 2     Body
12.7          1  0                         EE      0 of 2    V2G_Message
"""

FAULT = """\
fault   a value of 8 bytes is longer than the data
path    /V2G_Message/Header/SessionID
bit     26 (byte 3, bit 2)
rest    14 bits
        001010 10011100
"""


def framed(data: str, payload_type: str) -> str:
    return f"01fe{payload_type}{len(data) // 2:08x}{data}"


def test_the_table(capsys: Capture) -> None:
    assert main(["explain", AUTHORIZATION]) == 0
    captured = capsys.readouterr()
    assert captured.out == TABLE
    assert captured.err == ""


def test_a_fault_is_named_and_the_rest_shown(capsys: Capture) -> None:
    assert main(["explain", "--schema", "iso2", "8098020a9c"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("data    5 bytes, read as hex\nschema  iso2, document, given\n\nbyte.bit")
    assert captured.out.endswith(f"3.2          14  00101010011100  rest\n\n{FAULT}")
    assert captured.err == ""
    assert main(["explain", "--schema", "iso2", "809802"]) == 1
    assert "rest    6 bits\n        000010\n" in capsys.readouterr().out
    assert main(["explain", "--schema", "iso2", "--hex", "80"]) == 1
    assert capsys.readouterr().out.endswith("bit     8 (byte 1, bit 0)\nrest    nothing\n")


def test_long_parts_are_shortened_unless_full(capsys: Capture) -> None:
    data = LONGEST.exi
    assert main(["explain", "--schema", "iso2", data.hex()]) == 0
    short = capsys.readouterr().out
    assert max(map(len, short.splitlines())) < 200
    assert "..." in short
    assert main(["explain", "--full", "--schema", "iso2", data.hex()]) == 0
    full = capsys.readouterr().out
    assert "..." not in full.split("datatype", 1)[1]
    bits = "".join(line.split()[2] if line[0] != " " else line.split()[0] for line in full.splitlines()[4:])
    assert bits == "".join(f"{byte:08b}" for byte in data)
    assert "/V2G_Message/Body/" in full


def test_the_rest_is_shortened_unless_full(capsys: Capture) -> None:
    broken = "80ff" + "a5" * 100
    assert main(["explain", "--schema", "iso2", broken]) == 1
    assert capsys.readouterr().out.endswith("        ... and 552 bits more (--full)\n")
    assert main(["explain", "--full", "--schema", "iso2", broken]) == 1
    out = capsys.readouterr().out
    assert out.endswith("        10100101 10100101 10100101 10100101 10100101\n")
    assert "more" not in out


def test_nothing_in_a_table_steers_the_terminal() -> None:
    item = Item("KeyName", xmldsig.NAMESPACE, "\x1b[31m\n\u202e")
    found = explain(exi.encode_fragment(item, xmldsig.SCHEMA), xmldsig.SCHEMA, fragment=True)
    lines = list(table(found.pieces, full=True, paint=lambda _, line: line))
    assert all(line.isprintable() for line in lines)
    assert any("\\x1b[31m\\n\\u202e" in line for line in lines)


def test_every_vector_as_json(capsys: Capture) -> None:
    for found in VECTORS[::11]:
        kind = ["--fragment"] if found.kind == "fragment" else []
        assert main(["explain", "--json", "--schema", NAMES[found.schema], *kind, found.exi.hex()]) == 0
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert (told["schema"], told["kind"], told["sure"]) == (NAMES[found.schema], found.kind, "given")
        assert told["bits"] == sum(piece["width"] for piece in told["pieces"])
        assert "".join(piece["bits"] for piece in told["pieces"]) == "".join(
            f"{byte:08b}" for byte in found.exi
        )
        assert all(piece["offset"] == piece["byte"] * 8 + piece["bit"] for piece in told["pieces"])
        assert told["fault"] is None


def test_json_says_how_sure_it_is(capsys: Capture) -> None:
    data = vector("cm_authorization_req_eim").exi.hex()
    assert main(["explain", "--json", data]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sure"], told["reason"]) == ("ambiguous", "2 fit equally well")
    assert told["candidates"] == [
        {"schema": "iso20-acdp", "kind": "document", "root": "ACDP_ConnectReq", "doubts": []},
        {"schema": "iso20-common", "kind": "document", "root": "AuthorizationReq", "doubts": []},
    ]
    assert main(["explain", data]) == 0
    assert (
        "ambiguous: 2 fit equally well\n        iso20-acdp: ACDP_ConnectReq\n        iso20-common: "
        in capsys.readouterr().out
    )
    assert main(["explain", "--json", framed(data, "8002")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["sure"], told["schema"]) == ("certain", "iso20-common")
    assert told["input"] == {
        "name": "",
        "form": "hex",
        "frame": {"payload_type": 0x8002, "announced": 18, "following": 18},
    }


def test_json_names_the_fault(capsys: Capture) -> None:
    assert main(["explain", "--json", "8098020a9c"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["fault"] == {
        "reason": "a value of 8 bytes is longer than the data",
        "path": "/V2G_Message/Header/SessionID",
        "bit_offset": 26,
    }
    assert (told["sure"], told["schema"]) == ("likely", "iso2")
    assert told["reason"] == "none of 9 message sets fits, this one comes furthest"
    assert main(["explain", "--json", "80ffff"]) == 1
    assert json.loads(capsys.readouterr().out)["sure"] == "ambiguous"


def test_frames(capsys: Capture) -> None:
    assert main(["explain", framed(AUTHORIZATION, "8001")]) == 0
    assert "\nframe   V2GTP, payload type 0x8001; length as announced\n" in capsys.readouterr().out
    assert main(["explain", framed(AUTHORIZATION, "8001") + "00"]) == 1
    out = capsys.readouterr().out
    assert "\nframe   V2GTP, payload type 0x8001; the V2GTP header announces 13 bytes, 14 follow\n" in out
    assert "fault" not in out


def test_colour_on_a_terminal_only(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["explain", "8098020a9c"]) == 1
    coloured = capsys.readouterr().out
    assert "\x1b[32m1.7 " in coloured
    assert "\x1b[31mfault   a value" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["explain", "8098020a9c"]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_a_reader_may_leave() -> None:
    """As in ``exi explain … | head -1``."""
    big = exi.encode_fragment(
        xmldsig.KeyInfo(content=[Item("KeyName", xmldsig.NAMESPACE, "a")] * 9000), xmldsig.SCHEMA
    )
    command = [sys.executable, "-m", "exi.cli", "explain", "--schema", "xmldsig", "--fragment"]
    read, write = os.pipe()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        os.close(read)
        _, err = process.communicate(big)
    assert err == b""
    assert process.returncode == 141
