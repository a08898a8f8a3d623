import contextlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evcc import config, toml
from evcc.config import Control, Direction, Payment
from evcc.errors import ConfigError
from v2g import timing
from v2g.endpoint import Endpoint

WHOLE = """
payment = "external"
protocols = ["iso2", "iso20-ac"]

[network]
interface = "eth0"
connect = "[fe80::1%eth0]:61341"
tls = false

[charging]
rounds = 3
target_soc_percent = 90
interval_s = 0.5
loop_interval_s = 0.1
control = "dynamic"
bidirectional = true
direction = "discharge"
departure_s = 60
pause_after_rounds = 2
pause_s = 5
max_pauses = 1
check_in = true

[contract]
renew_before_h = 48
check_digit = "ignore"
maximum = 2
prioritized_emaids = ["DE83DUIEN83QGZD"]
fallback_external = true
dialect = "aad-raw"

[timers]
ongoing_s = 30
ongoing_interval_s = 0.2
customer_wait_s = 120
communication_setup_s = 10
cable_check_s = 20
pre_charge_s = 3

[timers.messages]
PaymentDetails = 2
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "evcc.toml"


def test_defaults() -> None:
    settings = config.load(None, {})
    assert settings.payment is Payment.CONTRACT
    assert settings.tls
    assert settings.connect is None
    assert settings.renew_before == timedelta(days=1)
    assert settings.message_timeout("CertificateInstallationReq").seconds == 5
    assert settings.message_timeout("SessionSetup").seconds == 2
    assert settings.message_timeout("AC_ChargeLoopRes", timing.ISO20).seconds == 0.5


def test_an_empty_file_is_a_good_one(file: Path) -> None:
    file.write_text("")
    assert config.load(file, {}) == config.load(None, {})


def test_every_key(file: Path) -> None:
    file.write_text(WHOLE)
    settings = config.load(file, {})
    assert settings.payment is Payment.EXTERNAL
    assert settings.interface == "eth0"
    assert settings.connect == Endpoint("fe80::1%eth0", 61341)
    assert not settings.tls
    assert settings.protocols == ("iso2", "iso20-ac")
    assert settings.charging.control is Control.DYNAMIC
    assert settings.charging.direction is Direction.DISCHARGE
    assert settings.contract.prioritized_emaids == ("DE83DUIEN83QGZD",)
    assert settings.dialect.name == "aad-raw"
    assert settings.timers.pre_charge_s == 3
    assert settings.charging.rounds == 3
    assert settings.charging.target_soc_percent == 90
    assert settings.renew_before == timedelta(days=2)
    assert settings.timers.customer_wait_s == 120
    assert settings.message_timeout("PaymentDetailsRes").seconds == 2


def test_the_command_line_goes_on_top(file: Path) -> None:
    file.write_text(WHOLE)
    settings = config.load(file, {"charging.rounds": 7, "network.connect": "127.0.0.1:1"})
    assert settings.charging.rounds == 7
    assert settings.charging.interval_s == 0.5
    assert settings.connect == Endpoint("127.0.0.1", 1)


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("payment = 'cash'", "payment", "cash"),
        ("paiment = 'contract'", "paiment", "no such key"),
        ("[network]\ntls = 'yes'", "network.tls", "bool"),
        ("[network]\nconnect = 'charger'", "network.connect", "HOST:PORT"),
        ("[network]\nconnect = 'fe80::1:61341'", "network.connect", "brackets"),
        ("[network]\ntls = false", "network.tls", "Plug & Charge"),
        ("[charging]\nrounds = -1", "charging.rounds", ">= 0"),
        ("[charging]\nrounds = 1.5", "charging.rounds", "int"),
        ("[charging]\ntarget_soc_percent = 101", "charging.target_soc_percent", "<= 100"),
        ("[charging]\ninterval_s = 40", "charging.interval_s", "< 40"),
        ("protocols = ['iso3']", "protocols", "iso20-dc"),
        ("protocols = ['iso2', 'iso2']", "protocols", "twice"),
        ("[charging]\nloop_interval_s = 0.5", "charging.loop_interval_s", "< 0.5"),
        ("[charging]\ncontrol = 'none'", "charging.control", "none"),
        ("[charging]\ndirection = 'discharge'", "charging.direction", "bidirectional"),
        ("[contract]\nmaximum = 9", "contract.maximum", "<= 8"),
        ("[contract]\nprioritized_emaids = ['me']", "contract.prioritized_emaids", "eMAID"),
        (
            "[contract]\nmaximum = 1\nprioritized_emaids = ['DE83DUIEN83QGZD', 'FRXYZ1234567892']",
            "contract.prioritized_emaids",
            "maximum",
        ),
        ("[contract]\ndialect = 'slang'", "contract.dialect", "wwcp"),
        ("[charging]\nspeed = 1", "charging.speed", "no such key"),
        ("[contract]\ncheck_digit = 'maybe'", "contract.check_digit", "maybe"),
        ("[timers]\nongoing_s = 0", "timers.ongoing_s", "> 0"),
        ("[timers.messages]\nHello = 1", "timers.messages.Hello", "no such message"),
        ("[timers.messages]\nSessionSetup = 0", "timers.messages", "> 0"),
        ("charging = 1", "charging", "object"),
        ("[charging", "", "not valid TOML"),
    ],
)
def test_errors_name_file_key_and_reason(file: Path, text: str, key: str, reason: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    assert caught.value.file == file
    assert caught.value.key.startswith(key)
    assert reason in caught.value.reason
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        ({"charging.rounds": -1}, "charging.rounds"),
        ({"payment": "cash"}, "payment"),
        ({"network.connect": "nowhere"}, "network.connect"),
        ({"network.tls": False}, "network.tls"),
        ({"charging.interval_s": float("nan")}, "charging.interval_s"),
    ],
)
def test_errors_of_the_command_line(file: Path, overrides: dict[str, Any], key: str) -> None:
    file.write_text("")
    with pytest.raises(ConfigError) as caught:
        config.load(file, overrides)
    assert str(caught.value.file) == "command line"
    assert caught.value.key == key


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.load(file, {})


def test_a_file_that_is_no_text(file: Path) -> None:
    file.write_bytes(b"payment = '\xff'")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.load(file, {})


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.dictionaries(
            st.sampled_from(
                ["payment", "network", "charging", "timers", "messages", "tls", "rounds", "other"]
            ),
            inner,
        ),
        max_leaves=8,
    )
)
def test_any_data_gives_a_value_or_the_error(data: Any) -> None:
    if not isinstance(data, dict):
        data = {"payment": data}
    with contextlib.suppress(ConfigError):
        assert isinstance(toml.convert(data, config.File, "file"), config.File)


def test_the_page_shows_the_defaults(file: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "evcc.md").read_text()
    example = page.partition("## Configuration")[2].partition("```toml\n")[2].partition("```")[0]
    file.write_text(example)
    assert config.load(file, {}) == config.load(None, {})
