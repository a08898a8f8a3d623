from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secc.config import Config, check, convert, load, override
from secc.errors import ConfigError


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "secc.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_annotated_file_says_the_defaults() -> None:
    assert load(Path(str(files("secc").joinpath("default.toml")))) == Config()


def test_the_annotated_file_names_every_key() -> None:
    text = files("secc").joinpath("default.toml").read_text()
    for table, keys in msgspec.to_builtins(Config()).items():
        assert f"[{table}]" in text
        for key in keys:
            assert f"\n{key} = " in text


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Config()


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("[network", "", "not valid TOML"),
        (b"\xff\xfe", "", "not UTF-8"),
        ("[net]\n", "net", "there is no such key"),
        ("[network]\nlistn = 1\n", "network.listn", "there is no such key"),
        ("network = 3\n", "network", "Expected `object`, got `int`"),
        ("[network]\nlisten = 3\n", "network.listen", "Expected `str`"),
        ('[network]\nlisten = "fe80::1:80"\n', "network.listen", "is not HOST:PORT"),
        ('[network]\nlisten_plain = "[::]:x"\n', "network.listen_plain", "the port 'x'"),
        ("[network]\nlinger_s = 6\n", "network.linger_s", "<= 5"),
        ("[network]\nmax_connections = 0\n", "network.max_connections", ">= 1"),
        ('[backend]\nurl = "ftp://x"\n', "backend.url", "is not http://"),
        ("[backend]\nreserve_s = -1\n", "backend.reserve_s", ">= 0"),
        ('[station]\nevse_id = "x"\n', "station.evse_id", "expected CC*OOO*E"),
        ("[station]\nphases = 2.5\n", "station.phases", "Expected `int`"),
        ('[station]\noutlets = "8"\n', "station.outlets", "Expected `int`, got `str`"),
        ("[payment]\ncontract = false\nexternal = false\n", "payment", "at least one"),
    ],
)
def test_errors_name_file_key_and_reason(tmp_path: Path, text: str | bytes, key: str, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.source == str(path)
    assert caught.value.key == key
    assert reason in caught.value.reason
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(ConfigError, match="directory"):
        load(tmp_path)


def test_flags_override_single_keys() -> None:
    config = override(Config(), {"network.listen": "[::1]:0", "network.sdp": False})
    assert config.network.listen == "[::1]:0"
    assert not config.network.sdp
    assert config.station == Config().station


def test_flags_are_checked_like_the_file() -> None:
    with pytest.raises(ConfigError) as caught:
        override(Config(), {"network.listen": "nowhere"})
    assert (caught.value.source, caught.value.key) == ("command line", "network.listen")


def test_discovery_and_address_must_fit() -> None:
    check(Config(), "x")
    check(override(Config(), {"network.sdp": False, "network.listen": "127.0.0.1:0"}), "x")
    check(override(Config(), {"network.listen": "[::]:0"}), "x")
    for listen in ("127.0.0.1:0", "localhost:0"):
        with pytest.raises(ConfigError, match="can only tell an IPv6 address"):
            check(override(Config(), {"network.listen": listen}), "x")
    with pytest.raises(ConfigError, match=r"network\.listen"):
        check(override(Config(), {"network.sdp": False}), "x")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TABLES = sorted(msgspec.to_builtins(Config()))


@given(st.dictionaries(st.sampled_from(TABLES) | st.text(max_size=6), PLAIN, max_size=4))
def test_any_data_is_a_configuration_or_a_config_error(data: dict[str, Any]) -> None:
    try:
        assert isinstance(convert(data, "anything"), Config)
    except ConfigError as error:
        assert error.reason  # noqa: PT017 - either outcome is fine
