import argparse
import io
import sys
from binascii import b2a_base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exi.command import UsageError
from exi.inputs import (
    MAX_BYTES,
    MAX_FILE_BYTES,
    Frame,
    Input,
    add_input_arguments,
    read_input,
    read_text,
    recognise,
)

EXI = bytes.fromhex("8098020fc29c7096f53a259008")
FRAME = bytes.fromhex("01fe8001") + len(EXI).to_bytes(4, "big") + EXI


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_input_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    "text",
    [
        EXI.hex(),
        EXI.hex().upper(),
        EXI.hex(" "),
        EXI.hex(":"),
        EXI.hex("-"),
        f"0x{EXI.hex()}",
        ", ".join(f"0x{byte:02x}" for byte in EXI),
        "".join(f"\\x{byte:02x}" for byte in EXI),
        f"\n {EXI.hex(' ', 4)}\r\n",
        f'"{EXI.hex()}"',
    ],
)
def test_hex_text_of_any_style(text: str) -> None:
    assert recognise("file", text.encode()) == Input("file", "hex", EXI)


def test_base64_and_raw() -> None:
    text = b2a_base64(EXI)
    assert recognise("file", text) == Input("file", "base64", EXI)
    assert recognise("file", text[:6] + b"\n" + text[6:]) == Input("file", "base64", EXI)
    assert recognise("file", b'"' + text.strip() + b'"') == Input("file", "base64", EXI)
    assert recognise("file", EXI) == Input("file", "raw", EXI)
    # Damaged data are still data.
    assert recognise("file", b"\x00" + EXI) == Input("file", "raw", b"\x00" + EXI)
    assert recognise("file", b"40") == Input("file", "hex", b"\x40")
    assert recognise("file", b"x!").form == "raw"


@given(st.binary(max_size=40))
def test_every_form_of_an_exi_stream_is_recognised(content: bytes) -> None:
    for data in (b"\x80" + content, b"\x01\xfe\x80\x04" + len(content).to_bytes(4, "big") + content):
        payload = data if data[0] == 0x80 else content
        for form, text in (
            ("raw", data),
            ("hex", data.hex().encode()),
            ("hex", data.hex(" ").upper().encode()),
            ("base64", b2a_base64(data)),
            ("base64", b2a_base64(data).translate(bytes.maketrans(b"+/", b"-_"))),
        ):
            found = recognise("", text)
            assert (found.form, found.data) == (form, payload)


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_file_gives_data_or_the_one_error(content: bytes) -> None:
    try:
        found = recognise("file", content)
    except UsageError:
        return
    assert found.form in {"hex", "base64", "raw"}


def test_a_frame_is_opened() -> None:
    for content in (FRAME, FRAME.hex().encode(), b2a_base64(FRAME)):
        found = recognise("file", content)
        assert found.data == EXI
        assert found.frame == Frame(0x8001, 13, 13)
        assert found.frame.mismatch() is None


def test_a_frame_of_the_wrong_length_says_so() -> None:
    found = recognise("", FRAME + b"\x00")
    assert (found.data, found.frame) == (EXI, Frame(0x8001, 13, 14))
    assert found.frame is not None
    assert found.frame.mismatch() == "the V2GTP header announces 13 bytes, 14 follow"
    assert recognise("", FRAME[:-2]).frame == Frame(0x8001, 13, 11)
    assert recognise("", b"\x01\xfe\x80\x01" + b"\xff" * 4 + EXI).data == EXI
    assert recognise("", FRAME[:7]).frame is None


def test_arguments_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "message.exi"
    file.write_bytes(EXI)
    assert read_input(arguments(str(file))) == Input(str(file), "raw", EXI)
    assert read_input(arguments("--hex", "80:98")) == Input("", "hex", b"\x80\x98")
    assert read_input(arguments("--base64", b2a_base64(EXI).decode())) == Input("", "base64", EXI)
    assert read_input(arguments(EXI.hex())) == Input("", "hex", EXI)
    assert read_input(arguments(*EXI.hex(" ", 2).split())) == Input("", "hex", EXI)
    assert read_input(arguments(f"0x{FRAME.hex(' ')}")) == Input("", "hex", EXI, Frame(0x8001, 13, 13))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EXI)))
    assert read_input(arguments()) == Input("standard input", "raw", EXI)


def test_a_file_wins_over_hex_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "8098").write_bytes(EXI)
    assert read_input(arguments("8098")) == Input("8098", "raw", EXI)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (arguments(""), "the name of the file is empty"),
        (arguments("80", "zz"), "one file at a time, not 2"),
        (arguments("/no/such/file"), "/no/such/file: No such file or directory"),
        (
            arguments("4098"),
            (
                "4098: No such file or directory; as hexadecimal text it starts neither with 80, as EXI does, "
                "nor with 01FE, as V2GTP does (--hex takes it as it is)"
            ),
        ),
        (
            arguments("80"),
            (
                "80: No such file or directory; as hexadecimal text it is too short, one byte "
                "(--hex takes it as it is)"
            ),
        ),
        (
            arguments("809"),
            (
                "809: No such file or directory; as hexadecimal text it has an odd number of digits, 3 "
                "(--hex takes it as it is)"
            ),
        ),
        (arguments("message.exi"), "message.exi: No such file or directory"),
        (arguments("/"), "/: Is a directory"),
        (arguments("a\0b"), "a\0b: embedded null byte"),
        (arguments("80" * 3000 + "9"), "File name too long"),
        (arguments("--hex", "809"), "not hexadecimal: an odd number of digits, 3"),
        (arguments("--hex", "80zz"), "not hexadecimal: the character 'z'"),
        (arguments("--hex", "80\u0661"), "not hexadecimal: the character '\\u0661'"),
        (arguments("--base64", "!"), "not base64: "),
        (arguments("--base64", "gJg\u0661"), "not base64: "),
        (arguments("/dev/zero"), f"/dev/zero: more than {MAX_FILE_BYTES} bytes"),
    ],
)
def test_what_cannot_be_read(options: argparse.Namespace, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_input(options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there are no data"),
        (b" \n", "there are no data"),
        (b"<a/>", "this is XML text, not EXI; 'exi encode' makes EXI of it"),
        (b' {"a": 1}', "this is JSON text, not EXI"),
        (b"809", "not hexadecimal: an odd number of digits, 3"),
        (b"gJgC=", "not base64: "),
        (b"\x80" + bytes(MAX_BYTES), f"{MAX_BYTES + 1} bytes of EXI data, at most {MAX_BYTES} are taken"),
    ],
)
def test_files_without_exi(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_input(arguments(str(file)))
    assert str(caught.value).startswith(f"{file}: {message}")


def test_text_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xef\xbb\xbf<a/>")
    assert read_text(str(file)) == "<a/>"
    file.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="can't decode byte 0xff"):
        read_text(str(file))
