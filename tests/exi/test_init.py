"""What ``import exi`` offers, and what it leaves for later."""

import subprocess
import sys

import pytest

import exi
from exi import jsontext, xmltext


def test_every_public_name_is_there() -> None:
    assert all(getattr(exi, name) is not None for name in exi.__all__)
    assert exi.to_json is jsontext.to_json
    assert exi.from_json is jsontext.from_json
    assert exi.to_xml is xmltext.to_xml
    assert exi.from_xml is xmltext.from_xml


def test_what_is_not_there_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'exi' has no attribute 'to_yaml'"):
        _ = exi.to_yaml  # type: ignore[attr-defined]


@pytest.mark.parametrize("engine", ["auto", "python"])
def test_text_formats_and_the_command_line_are_loaded_at_first_use(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PNCLAB_EXI_ENGINE", engine)
    script = """
import sys
import exi
from v2g.messages import iso2

exi.decode(bytes.fromhex("8098020fc29c7096f53a259008"), iso2.SCHEMA)
late = {"exi.xmltext", "exi.jsontext", "exi.cli", "exi.explain", "json", "argparse", "xml.parsers.expat"}
late |= {"exi.plan_decode", "exi.plan_encode", "exi.registry", "exi.profiles", "hashlib", "importlib.metadata"}
assert not late & sys.modules.keys(), late & sys.modules.keys()
exi.to_json, exi.to_xml
assert {"exi.xmltext", "exi.jsontext"} <= sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
