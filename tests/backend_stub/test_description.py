"""The description of a market: what is made can be read; what is wrong is named by file, key and reason."""

import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend_stub import cli
from backend_stub.description import (
    Address,
    Description,
    DescriptionError,
    Entitlement,
    EventRules,
    Maker,
    Msp,
)
from backend_stub.description_file import load
from backend_stub.description_init import Outline, make_market
from backend_stub.place import Place
from backend_stub.places import place_of, role_secret, roles_elsewhere
from backend_stub.roles import Role
from pki.entropy import SeededEntropy
from pki.hierarchy import Hierarchy
from pki.names import fingerprint_sha256

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab") / "market"
    return make_market(folder, Outline(), now=NOW, entropy=SeededEntropy(1))


def changed(made: Path, tmp_path: Path, change: Callable[[str], str]) -> Path:
    path = tmp_path / "market.toml"
    text = change(made.read_text())
    assert text != made.read_text()
    path.write_text(text)
    return path


def problem(path: Path) -> DescriptionError:
    with pytest.raises(DescriptionError) as caught:
        load(path)
    assert caught.value.path == str(path)
    return caught.value


def test_what_init_makes(made: Path) -> None:
    market = load(made)
    assert [provider.name for provider in market.providers] == ["a", "b", "c"]
    assert market.policy.entitlement is Entitlement.CODE
    assert market.policy.events == EventRules()
    assert market.register_provider == "a"
    b = market.provider("b")
    assert b.peers == ("a", "c")
    assert b.listen == Address("127.0.0.1", 8091)
    assert b.url == "http://127.0.0.1:8091"
    assert b.pki == made.parent / "b" / "pki"
    assert b.maker == Maker("WBB", {"eu": ["a"], "uk": ["b"], "na": ["c"]}, "uk")
    assert b.msp == Msp("DE", "PNB", "Mobility B")
    assert set(b.role_listen) == set(Role)
    assert set(market.maker_pins()) == {"WAA", "WBB", "WCC"}


def test_every_provider_has_roots_of_its_own_and_nobody_elses(made: Path) -> None:
    market = load(made)
    for provider in market.providers:
        assert provider.pki is not None
        root = Hierarchy.load(provider.pki)["v2g_root"].certificate
        other = Hierarchy.load(provider.pki / "iso20")["v2g_root"].certificate
        assert provider.pins.v2g == {fingerprint_sha256(root), fingerprint_sha256(other)}
        assert len(list(provider.pki.rglob("root.pem"))) == 6  # three branches, two editions
    assert len({pin for provider in market.providers for pin in provider.pins.v2g}) == 6


def test_secrets_are_for_the_owner_only(made: Path) -> None:
    for secret in made.parent.rglob("role.secret"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert "secret" not in repr(load(made).provider("a").role_secret).replace("role.secret", "")


def test_nothing_is_overwritten(made: Path) -> None:
    with pytest.raises(DescriptionError, match="exists already"):
        make_market(made.parent, Outline(), now=NOW, entropy=SeededEntropy(1))


@pytest.mark.parametrize("providers", [0, 21])
def test_number_of_providers(tmp_path: Path, providers: int) -> None:
    with pytest.raises(DescriptionError, match="1 to 20"):
        make_market(tmp_path / "m", Outline(providers=providers), now=NOW, entropy=SeededEntropy(1))


def test_a_market_of_twenty(tmp_path: Path) -> None:
    path = make_market(tmp_path / "m", Outline(providers=20), now=NOW, entropy=SeededEntropy(1))
    market = load(path)
    assert len(market.providers) == 20
    assert len({provider.maker.wmi for provider in market.providers if provider.maker}) == 20


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ('name = "b"', 'name = "a"', "provider[1].name", "another provider"),
        ('name = "b"', 'name = "B!"', "provider[1].name", "lower-case"),
        ('peers = ["a", "c"]', 'peers = ["a", "x"]', "provider[1].peers", "'x' is not known"),
        ('peers = ["a", "c"]', 'peers = ["b"]', "provider[1].peers", "own peer"),
        ('peers = ["a", "c"]', 'peers = ["a", "a"]', "provider[1].peers", "twice"),
        ('listen = "127.0.0.1:8091"', 'listen = "8091"', "provider[1].listen", "HOST:PORT"),
        ('listen = "127.0.0.1:8091"', 'listen = "127.0.0.1:8081"', "provider[1].listen", "is taken"),
        ('listen = "127.0.0.1:8091"', 'listen = "127.0.0.1:0"', "provider[1].listen", "HOST:PORT"),
        ('listen = "127.0.0.1:8091"\n', "", "provider[1].listen", "is needed"),
        ('database = "b/market.db"\n', "", "provider[1].database", "is needed"),
        ('database = "b/market.db"', "database = 3", "provider[1].database", "Expected `str`"),
        ('pki = "b/pki"', 'pky = "b/pki"', "provider[1]", "unknown field `pky`"),
        ('wmi = "WBB"', 'wmi = "WOB"', "maker[1].wmi", "without I, O and Q"),
        ('wmi = "WBB"', 'wmi = "WAA"', "maker[1].wmi", "another maker"),
        ('default_region = "uk"', 'default_region = "moon"', "maker[1].default_region", "not known"),
        ('provider_id = "PNB"', 'provider_id = "XXX"', "msp[1].provider_id", "not in the registry"),
        ('provider_id = "PNB"', 'provider_id = "PNA"', "msp[1].provider_id", "has this identifier"),
        ("peer_timeout_ms = 3000", "peer_timeout_ms = 0", "policy.peer_timeout_ms", "at least 1"),
        ("peer_timeout_ms = 3000", "keep_events_days = -1", "policy.keep_events_days", "negative"),
        ("peer_timeout_ms = 3000", "webhook_retries_s = [0]", "policy.webhook_retries_s[0]", "must be up to"),
        ("peer_timeout_ms = 3000", 'webhook_hosts = ["a:/b"]', "policy.webhook_hosts[0]", "a host name"),
        ('entitlement = "code"', 'entitlement = "trust"', "policy.entitlement", "Invalid enum value"),
        ('[register]\nprovider = "a"', '[register]\nprovider = "z"', "register.provider", "not known"),
        ('name = "laboratory"', "", "market", "missing required field `name`"),
    ],
)
def test_what_is_wrong_is_named(
    made: Path, tmp_path: Path, old: str, new: str, key: str, reason: str
) -> None:
    found = problem(changed(made, tmp_path, lambda text: text.replace(old, new, 1)))
    assert found.key == key
    assert reason in found.reason


def test_a_pin_that_is_none(made: Path, tmp_path: Path) -> None:
    pin = next(iter(load(made).provider("c").pins.v2g))
    found = problem(changed(made, tmp_path, lambda text: text.replace(pin, pin[:-1])))
    assert (found.key, "64 lower-case" in found.reason) == ("provider[2].roots.v2g", True)


def test_a_region_needs_roots_that_can_be_fetched(made: Path, tmp_path: Path) -> None:
    found = problem(changed(made, tmp_path, lambda text: text.replace('peers = ["a", "b"]', "peers = []")))
    assert found.key.startswith("maker[2].regions.")
    assert "has no peer" in found.reason


@pytest.mark.parametrize("content", [b"\xff", b"[market", b""])
def test_a_file_that_is_no_description(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "market.toml"
    path.write_bytes(content)
    problem(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in problem(tmp_path / "nothing.toml").reason


def test_sections_of_other_modules_pass(made: Path, tmp_path: Path) -> None:
    path = changed(made, tmp_path, lambda text: text + '\n[[client]]\nid = "x"\n[access]\nopen = true\n')
    assert load(path).raw["access"] == {"open": True}


def place(market: Description, name: str) -> Place:
    provider = market.provider(name)
    assert provider.pki is not None
    return place_of(market, provider, Hierarchy.load(provider.pki), lambda: 0.0)


async def test_place_of_a_provider(made: Path) -> None:
    found = place(load(made), "b")
    assert (found.wmi, found.provider_id, found.proof_required) == ("WBB", "PNB", True)
    assert [peer.name for peer in found.peers] == ["a", "c"]
    assert found.regions["na"] == load(made).provider("c").pins.v2g
    assert found.register_keeper is found.peers[0]
    assert {wmi: peer.name for wmi, peer in found.makers.items()} == {"WAA": "a", "WCC": "c"}
    for peer in found.peers:
        await peer.close()


def test_a_folder_with_other_roots_than_the_pinned(made: Path, tmp_path: Path) -> None:
    market = load(made)
    other = Hierarchy.create(now=NOW, entropy=SeededEntropy(99))
    with pytest.raises(DescriptionError, match=r"roots\.v2g"):
        place_of(market, market.provider("a"), other, lambda: 0.0)


async def test_roles_in_other_processes(made: Path) -> None:
    market = load(made)
    away = roles_elsewhere(market, market.provider("a"), {Role.CCP})
    assert set(away) == set(Role) - {Role.CCP}
    assert away[Role.RCP].url == "http://127.0.0.1:8082"
    secret = role_secret(market, market.provider("a"))
    assert len(secret) == 64
    assert secret not in repr(away)
    for connection in away.values():
        await connection.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--market", "{market}", "--role", "ccp"], "--role needs --provider"),
        (["serve", "--market", "{market}", "--provider", "zz"], "no provider is called 'zz'"),
        (["serve", "--market", "{market}", "--database", "x.db"], "--database"),
        (["serve", "--pki", "pki", "--database", "x.db", "--role", "ccp"], "need --market"),
        (["serve", "--pki", "pki"], "--database"),
        (["oem", "list", "--market", "{market}"], "say which of a, b, c"),
        (["oem", "list", "--provider", "a"], "needs --market"),
        (["oem", "list", "--url", "http://x", "--market", "{market}"], "either --url or --market"),
        (["market", "init", "--out", "{folder}"], "exists already"),
        (["msp", "onboard", "--code", "x"], "one of --pcid"),
        (["msp", "renew", "nonsense"], "EMAID"),
    ],
)
def test_wrong_usage_has_exit_code_2(
    made: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    filled = [part.format(market=made, folder=made.parent) for part in arguments]
    assert cli.main(filled) == cli.EXIT_CONFIG
    assert said in capsys.readouterr().err


def test_rules_for_events(made: Path, tmp_path: Path) -> None:
    rules = """[policy]
keep_events_days = 7
webhook_hosts = ["hooks.lan", "10.0.0.7"]
webhook_retries_s = [1, 10.5]
"""
    path = changed(made, tmp_path, lambda text: text.replace("[policy]\n", rules))
    assert load(path).policy.events == EventRules(7, frozenset({"hooks.lan", "10.0.0.7"}), (1.0, 10.5))
