"""The documentation and the command say the same."""

from pathlib import Path

import msgspec

from secc import cli
from secc.config import Config
from secc.errors import ConfigError, StartError
from secc.iso2.installation import CODES
from secc.iso20.installation import CODES as CODES20
from secc.protocols import ALL

PAGE = (Path(__file__).parents[2] / "docs" / "secc.md").read_text(encoding="utf-8")


def test_exit_codes_are_documented() -> None:
    for code in (cli.EXIT_OK, ConfigError.exit_code, StartError.exit_code):
        assert f"| {code} |" in PAGE


def test_every_code_that_a_backend_can_cause_is_documented() -> None:
    assert all(f"{code}" in PAGE for code in CODES.values())
    assert all(f"{code}" in PAGE for code in CODES20.values())


def test_every_protocol_is_named() -> None:
    assert all(f"diagrams/secc_{key}.md" in PAGE for key in ALL)


def test_settings_that_the_page_names_exist() -> None:
    keys = {key for table in msgspec.to_builtins(Config()).values() for key in table}
    named = {"linger_s", "handshake_timeout_s", "max_connections", "max_message_bytes", "receipt_every"}
    named |= {"shutdown_grace_s", "reserve_s", "verify_bundle", "mo_roots", "roots_every_s"}
    named |= {"answer_after_s", "give_up", "iso20_namespace", "vehicle_roots", "oem_roots", "iso2_tls13"}
    named |= {"providers", "discharge_w", "keep_s", "isolation_s", "decay_s", "dialect", "protocols"}
    assert named <= keys
    assert all(name in PAGE for name in named)
