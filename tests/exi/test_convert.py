import io
import json
import sys
from binascii import b2a_base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exi
from exi.cli import main
from exi.registry import message_sets
from exi.schema import Item
from tests.exi.vectors import VECTORS, vector
from v2g.messages import iso2, xmldsig

AUTHORIZATION = vector("iso2_authorization_req_eim")
EMAID = vector("iso2_frag_eMAID")
CERTAIN = "exi: schema iso2 (certain: the only one of 9 that fits)\n"

Capture = pytest.CaptureFixture[str]


def framed(data: bytes, payload_type: int) -> str:
    return (b"\x01\xfe" + payload_type.to_bytes(2, "big") + len(data).to_bytes(4, "big") + data).hex()


def give(text: str | bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_decode_to_json(capsys: Capture) -> None:
    assert main(["decode", "--json", AUTHORIZATION.exi.hex()]) == 0
    captured = capsys.readouterr()
    message = exi.decode(AUTHORIZATION.exi, iso2.SCHEMA)
    assert captured.out == exi.to_json(message, iso2.SCHEMA, indent=2) + "\n"
    assert captured.err == CERTAIN
    assert main(["decode", "--json", "--compact", "--schema", "iso2", AUTHORIZATION.exi.hex()]) == 0
    captured = capsys.readouterr()
    assert (
        captured.out
        == '{"V2G_Message": {"Header": {"SessionID": "3F0A71C25BD4E896"}, "Body": {"AuthorizationReq": {}}}}\n'
    )
    assert captured.err == ""


@pytest.mark.parametrize("output", ["--json", "--compact"])
def test_encode_takes_what_decode_writes(
    output: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {schema.namespace: schema.name for schema in message_sets().values()}
    for found in VECTORS[::7]:
        kind = ["--fragment"] if found.kind == "fragment" else []
        schema = ["--schema", names[found.schema]]
        assert main(["decode", output, *kind, *schema, found.exi.hex()]) == 0
        give(capsys.readouterr().out, monkeypatch)
        assert main(["encode", *kind, *schema]) == 0
        assert capsys.readouterr().out == found.exi.hex() + "\n"


def test_no_message_steers_the_terminal(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    item = Item("KeyName", xmldsig.NAMESPACE, "a\x9b31mb\u202ec")
    data = exi.encode_fragment(item, xmldsig.SCHEMA)
    written = {"--compact": ">a&#155;31mb&#8238;c</", "--json": '"a\\u009b31mb\\u202ec"'}
    for output, expected in written.items():
        assert main(["decode", "--schema", "xmldsig", "--fragment", output, data.hex()]) == 0
        text = capsys.readouterr().out
        assert expected in text
        give(text, monkeypatch)
        assert main(["encode", "--schema", "xmldsig", "--fragment"]) == 0
        assert capsys.readouterr().out == data.hex() + "\n"


def test_encode_finds_the_schema_of_json_by_trying(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    give(exi.to_json(exi.decode(AUTHORIZATION.exi, iso2.SCHEMA), iso2.SCHEMA), monkeypatch)
    assert main(["encode", "--to", "base64"]) == 0
    captured = capsys.readouterr()
    assert captured.out == b2a_base64(AUTHORIZATION.exi).decode()
    assert captured.err == "exi: schema iso2 (the only one that V2G_Message fits)\n"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('{"X": 1}', 1, "exi: standard input: no installed message set has an element X"),
        ('{"V2G_Message": {}}', 1, "no installed message set fits:\n  din: Header is missing at /V2G_Message\n  iso2: Header is missing"),
        ('{"V2G_Message": {"Header": {"SessionID": "00"}, "Body": {}}}', 2, "several message sets fit (din, iso2); choose one with --schema"),
        ("[]", 1, "exi: standard input: an array where an object with an element's name belongs"),
        ('{"a"', 1, "exi: standard input: not JSON: Expecting ':' delimiter: line 1 column 5"),
        ('{"\\u001b[31m": 1}', 1, "has an element \\x1b[31m"),
        ("<a", 1, "exi: standard input: not well-formed XML"),
        ("", 1, "exi: standard input: neither XML nor JSON text"),
        ("8098", 1, "neither XML nor JSON text: it starts with neither < nor {"),
        (b"{\xff}", 2, "exi: standard input: 'utf-8' codec can't decode byte 0xff"),
    ],
)  # fmt: skip
def test_what_cannot_be_encoded(
    text: str | bytes, code: int, message: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(text, monkeypatch)
    assert main(["encode"]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("exi: ")
    assert captured.out == ""


def test_encode_writes_raw_bytes(
    capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    give(AUTHORIZATION.xml, monkeypatch)
    assert main(["encode", "--to", "raw"]) == 0
    assert capfdbinary.readouterr().out == AUTHORIZATION.exi


def test_decode_takes_frames(capsys: Capture) -> None:
    cable_check = vector("dc_cable_check_req").exi
    assert main(["decode", "--compact", framed(AUTHORIZATION.exi, 0x8001)]) == 0
    captured = capsys.readouterr()
    assert captured.out == AUTHORIZATION.xml + "\n"
    assert captured.err == "exi: schema iso2 (certain: the only one of 3 of payload type 0x8001 that fits)\n"
    assert main(["decode", framed(cable_check, 0x8004)]) == 0
    assert "(certain: the set of payload type 0x8004, and it fits)" in capsys.readouterr().err
    assert main(["decode", framed(cable_check, 0x8001)]) == 0
    assert "schema iso20-dc (likely: no set of payload type 0x8001 fits;" in capsys.readouterr().err
    assert main(["decode", "--schema", "iso20-dc", framed(cable_check, 0x8001)]) == 0
    assert capsys.readouterr().err == "exi: payload type 0x8001 is not one of iso20-dc\n"
    assert main(["decode", "--schema", "iso20-dc", framed(cable_check, 0x8004)]) == 0
    assert capsys.readouterr().err == ""


def test_a_frame_must_be_whole(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "frame.hex"
    file.write_text(framed(AUTHORIZATION.exi, 0x8001) + "00")
    assert main(["decode", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.err == f"exi: {file}: the V2GTP header announces 13 bytes, 14 follow\n"
    assert captured.out == ""


def test_errors_name_file_and_place(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "message.exi"
    file.write_bytes(AUTHORIZATION.exi[:5])
    assert main(["decode", "--schema", "iso2", str(file)]) == 1
    place = "at /V2G_Message/Header/SessionID (bit 26)"
    assert capsys.readouterr().err == f"exi: {file}: a value of 8 bytes is longer than the data {place}\n"
    assert main(["decode", str(file)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"exi: {file}: no installed message set fits:"
    assert lines[1] == f"  iso2: a value of 8 bytes is longer than the data {place}"
    assert len(lines) == 10


def test_several_schemas_are_listed(capsys: Capture) -> None:
    assert main(["decode", vector("cm_authorization_req_eim").exi.hex()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "exi: several message sets fit; choose one with --schema:\n"
        "  iso20-acdp: ACDP_ConnectReq\n"
        "  iso20-common: AuthorizationReq\n"
    )


def test_a_fragment_is_found_without_being_told(capsys: Capture) -> None:
    assert main(["decode", "--json", EMAID.exi.hex()]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"eMAID": {"@Id": "id4", "#text": "NLQUAC7K4D2M9P5"}}
    assert captured.err == "exi: schema iso2, fragment (certain: the only one of 9 that fits)\n"


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
@pytest.mark.parametrize("command", ["decode", "encode", "explain"])
def test_no_input_gives_a_traceback(
    command: str, data: bytes, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (data, b"\x80" + data, b"{" + data, b"<a>" + data):
        give(content, monkeypatch)
        assert main([command]) in {0, 1, 2}
        captured = capsys.readouterr()
        assert captured.out.replace("\n", "").isprintable()
        assert captured.err.replace("\n", "").isprintable()
