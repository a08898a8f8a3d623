import io
import subprocess
import sys
from binascii import b2a_base64
from pathlib import Path

import pytest

from exi.cli import main
from exi.registry import message_sets
from tests.exi.vectors import FILES, vector

AUTHORIZATION = vector("iso2_authorization_req_eim")
EMAID = vector("iso2_frag_eMAID")


class Stdin(io.TextIOWrapper):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))


def test_decode_takes_hex_base64_and_raw_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = AUTHORIZATION.exi
    text = b2a_base64(data).decode()
    forms = {"raw": data, "hex": f" {data.hex()}\n".encode(), "base64": text.encode()}
    calls = [["--hex", data.hex()], ["--base64", text]]
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        calls.append([str(tmp_path / name)])
    outputs = set()
    for call in calls:
        assert main(["decode", "--schema", "iso2", *call]) == 0
        outputs.add(capsys.readouterr().out)
    for content in forms.values():
        monkeypatch.setattr(sys, "stdin", Stdin(content))
        assert main(["decode", "--schema", "urn:iso:15118:2:2013:MsgDef"]) == 0
        outputs.add(capsys.readouterr().out)
    (output,) = outputs
    assert "  <v2gci_d:Header>\n    <v2gci_h:SessionID>3F0A71C25BD4E896</v2gci_h:SessionID>" in output
    assert main(["decode", "--schema", "iso2", "--compact", "--hex", data.hex()]) == 0
    assert capsys.readouterr().out == AUTHORIZATION.xml + "\n"


def test_the_schema_is_found_by_trying(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "--fragment", "--compact", "--hex", EMAID.exi.hex()]) == 0
    captured = capsys.readouterr()
    assert captured.out == EMAID.xml + "\n"
    assert captured.err.startswith("exi: schema iso2")


def test_several_schemas_may_fit(capsys: pytest.CaptureFixture[str]) -> None:
    """Many -20 sets begin alike, so the answer is a question."""
    data = vector("dc_cable_check_req").exi
    code = main(["decode", "--hex", data.hex()])
    captured = capsys.readouterr()
    assert code == (2 if "several message sets fit" in captured.err else 0)
    assert main(["decode", "--hex", "80ffff"]) == 1
    assert "no installed message set fits" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "expected"),
    [("hex", AUTHORIZATION.exi.hex()), ("base64", b2a_base64(AUTHORIZATION.exi, newline=False).decode())],
)
def test_encode_finds_the_schema_by_the_root(
    form: str,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "message.xml").write_text(AUTHORIZATION.xml, encoding="utf-8")
    assert main(["encode", "--to", form, str(tmp_path / "message.xml")]) == 0
    assert capsys.readouterr().out == expected + "\n"
    monkeypatch.setattr(sys, "stdin", Stdin(AUTHORIZATION.xml.encode()))
    assert main(["encode", "--to", form, "--schema", "iso2", "-"]) == 0
    assert capsys.readouterr().out == expected + "\n"


def test_encode_writes_raw_bytes_and_fragments(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "emaid.xml").write_text(EMAID.xml, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "exi.cli",
        "encode",
        "--fragment",
        "--to",
        "raw",
        str(tmp_path / "emaid.xml"),
    ]
    assert subprocess.run(command, check=True, capture_output=True).stdout == EMAID.exi


def test_a_signed_info_belongs_to_the_signature_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """SignedInfo is in every set; by its namespace it is encoded with the stand-alone one, as it is signed."""
    found = vector("xmldsig_frag_signedinfo_ci_req")
    (tmp_path / "signed.xml").write_text(found.xml, encoding="utf-8")
    assert main(["encode", "--fragment", str(tmp_path / "signed.xml")]) == 0
    assert capsys.readouterr().out.strip() == found.exi.hex()


def test_a_root_in_several_sets_asks_for_the_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = "urn:iso:std:iso:15118:-20:CommonTypes"
    (tmp_path / "a.xml").write_text(f'<MeterID xmlns="{namespace}">1</MeterID>', encoding="utf-8")
    assert main(["encode", "--fragment", str(tmp_path / "a.xml")]) == 2
    assert "several message sets fit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["decode", "--schema", "iso2", "--hex", "8098020f"],
            1,
            "exi: a value of 8 bytes is longer than the data",
        ),
        (["decode", "--schema", "iso2", "--hex", "8098020fc29c7096f53a2590ff"], 1, "at /V2G_Message/Body"),
        (["decode", "--schema", "iso2", "--hex", "809"], 2, "not hexadecimal"),
        (["decode", "--schema", "iso2", "--base64", "!"], 2, "not base64"),
        (
            ["decode", "--schema", "none", "--hex", "80"],
            2,
            "there is no message set none; installed: appprotocol, ",
        ),
        (["decode", "--schema", "iso2", "/no/such/file"], 2, "No such file"),
        (["encode", "/no/such/file"], 2, "No such file"),
        (["verify", "/no/such/file"], 2, "No such file"),
    ],
)
def test_exit_codes(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("exi: ")
    assert captured.out == ""


def test_xml_that_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "message.xml"
    for text, code, message in (
        (b"<a/>", 1, "no installed message set has an element a in no namespace"),
        (b"<a", 1, "not well-formed XML"),
        (b"\xff", 2, "can't decode"),
        (AUTHORIZATION.xml.replace("3F0A", "").encode() + b" ", 0, ""),
        (AUTHORIZATION.xml.replace("3F0A", "3F0A3F0A3F").encode(), 1, "at /V2G_Message/Header/SessionID"),
    ):
        file.write_bytes(text)
        assert main(["encode", str(file)]) == code
        assert message in capsys.readouterr().err


def test_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *map(str, FILES[:2])]) == 0
    assert ", 0 failed, 0 skipped" in capsys.readouterr().out
    lines = FILES[0].read_text(encoding="utf-8").splitlines()
    broken = lines[0].replace('"exi_hex": "80', '"exi_hex": "8000')
    (tmp_path / "broken.jsonl").write_text("\n".join([broken, lines[1]]), encoding="utf-8")
    assert main(["verify", str(tmp_path / "broken.jsonl")]) == 1
    output = capsys.readouterr().out
    assert output.startswith("FAIL ")
    assert "from bit " in output
    assert "1 passed, " in output.splitlines()[-1]


@pytest.mark.parametrize("command", [[], ["decode"], ["encode"], ["verify"]])
def test_help_has_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    output = capsys.readouterr().out
    assert "exit codes: 0 done" in output
    assert not command or "example:\n  exi " in output


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "usage: exi" in capsys.readouterr().err


def test_message_sets_are_found_by_entry_point() -> None:
    assert {"appprotocol", "iso2", "xmldsig"} <= message_sets().keys()
    assert all(schema.name == name for name, schema in message_sets().items())
