"""Where webhooks may go, and where not."""

from collections.abc import Sequence

import pytest

from backend_stub.events.targets import Target, TargetError, TargetPolicy, system_resolve

LAB = TargetPolicy(frozenset({"oem.lab"}))


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/a?b=c",
        "https://hooks.example:8443",
        "https://[2001:4860:4860::8888]/x",
        "http://127.0.0.1:9000/hooks",
        "http://localhost/hooks",
        "http://[::1]:9000/",
        "http://oem.lab/hooks",
        "https://127.0.0.1/",
    ],
)
def test_allowed(url: str) -> None:
    LAB.check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example/a", "use https"),
        ("ftp://hooks.example/a", "expected https"),
        ("file:///etc/passwd", "expected https"),
        ("hooks.example", "expected https"),
        ("https://", "expected https"),
        ("https://user:secret@hooks.example/", "no user"),
        ("https://hooks.example/#here", "fragment"),
        ("https://hooks.example:0/", "expected https"),
        ("https://hooks.example:99999/", "no URL"),
        ("https://[nonsense/", "no URL"),
        ("https://10.0.0.1/", "not a public address"),
        ("https://192.168.1.1/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
        ("https://[fe80::1]/", "not a public address"),
        ("https://[::ffff:10.0.0.1]/", "not a public address"),
        ("https://224.0.0.1/", "not a public address"),
        ("https://0.0.0.0/", "not a public address"),
        ("http://0.0.0.0/", "not a public address"),
        ("https://hooks.example/ a", "plain ASCII"),
        ("https://hooks.example/ä", "plain ASCII"),
        ("https://hooks.example/" + "a" * 2000, "longer than"),
        ("http://oem.lab.evil.example/", "use https"),
    ],
)
def test_forbidden(url: str, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        LAB.check(url)


def lookup(*addresses: str) -> object:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


async def resolved(url: str, *addresses: str) -> Target:
    return await LAB.resolve(url, lookup(*addresses))  # type: ignore[arg-type]


async def test_the_call_goes_to_the_address_that_was_judged() -> None:
    target = await resolved("https://hooks.example/a?b=c", "10.0.0.1", "93.184.216.34")
    assert target == Target("https://93.184.216.34:443/a?b=c", "hooks.example", "hooks.example")
    target = await resolved("https://hooks.example:8443/", "2001:4860:4860::8888")
    assert target.url == "https://[2001:4860:4860::8888]:8443/"
    assert target.authority == "hooks.example:8443"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:7f00:1"]
)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(TargetError, match="not a public address"):
        await resolved("https://rebound.example/", address)


async def test_a_name_without_address() -> None:
    with pytest.raises(TargetError, match="no address"):
        await resolved("https://nowhere.example/")


async def test_allowed_hosts_and_this_machine_may_be_inside() -> None:
    assert (await resolved("http://oem.lab:81/x", "10.0.0.7")).url == "http://10.0.0.7:81/x"
    assert (await resolved("http://localhost:9000/x", "127.0.0.1")).url == "http://127.0.0.1:9000/x"
    assert (await resolved("http://127.0.0.1:9000/x")).url == "http://127.0.0.1:9000/x"


async def test_the_system_knows_this_machine() -> None:
    assert set(await system_resolve("localhost", 80)) & {"127.0.0.1", "::1"}
