"""Client credentials: tokens fetched, kept, renewed and replaced; nothing of them shown."""

import json
from pathlib import Path

import httpx
import pytest

from v2g.net.oauth import (
    ENVIRONMENT,
    ClientCredentials,
    Credentials,
    CredentialsError,
    TokenRefusedError,
    from_environment,
    read_credentials,
)

URL = "http://market"
SECRET = "a secret that shows nowhere"


class Market:
    """Gives out tokens and takes the newest only."""

    def __init__(self, *, expires_in: float = 100.0) -> None:
        self.expires_in = expires_in
        self.given = 0
        self.asked: list[dict[str, str]] = []
        self.refusing = False
        self.garbled = False
        self.rejecting_all = False
        self.answers = httpx.Response(200, json={})

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.asked.append(json.loads(request.content))
            if self.refusing:
                return httpx.Response(401, json={"error": "invalid_client", "error_description": "x"})
            if self.garbled:
                return httpx.Response(200, text="hello")
            self.given += 1
            return httpx.Response(
                200, json={"access_token": f"token-{self.given}", "expires_in": self.expires_in}
            )
        if self.rejecting_all or request.headers.get("authorization") != f"Bearer token-{self.given}":
            return httpx.Response(
                401, headers={"WWW-Authenticate": 'Bearer realm="x", error="invalid_token"'}
            )
        return self.answers


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(market: Market, watch: Watch | None = None) -> tuple[httpx.Client, ClientCredentials]:
    auth = ClientCredentials(Credentials("me", SECRET), URL + "/", watch or Watch())
    return httpx.Client(transport=httpx.MockTransport(market), base_url=URL, auth=auth), auth


def test_one_token_serves_many_requests_and_is_renewed_early() -> None:
    market, watch = Market(), Watch()
    client, auth = make(market, watch)
    with client:
        for _ in range(3):
            assert client.get("/x").status_code == 200
        assert market.asked == [
            {"client_id": "me", "client_secret": SECRET, "audience": URL, "grant_type": "client_credentials"}
        ]
        watch.now = 79.9
        client.get("/x")
        assert market.given == 1
        watch.now = 80.0  # a fifth of its time is left
        client.get("/x")
        assert market.given == 2
    assert SECRET not in repr(auth)
    assert SECRET not in repr(Credentials("me", SECRET))


async def test_for_async_clients() -> None:
    market = Market()
    auth = ClientCredentials(Credentials("me", SECRET), URL, Watch())
    transport = httpx.MockTransport(market)
    async with httpx.AsyncClient(transport=transport, base_url=URL, auth=auth) as client:
        assert (await client.post("/x", json={"a": 1})).status_code == 200
        market.given += 1  # the market has forgotten the token
        assert (await client.post("/x", json={"a": 1})).status_code == 200
        market.refusing = True
        market.given += 1
        with pytest.raises(TokenRefusedError):
            await client.get("/x")


def test_a_token_that_is_rejected_is_replaced_once() -> None:
    market = Market()
    client, _ = make(market)
    with client:
        client.get("/x")
        market.rejecting_all = True
        assert client.get("/x").status_code == 401
        assert market.given == 2


def test_other_refusals_are_not_the_tokens_fault() -> None:
    market = Market()
    market.answers = httpx.Response(401, json={"errorMessages": ["[SIGNATURE] wrong"]})
    client, _ = make(market)
    with client:
        assert client.get("/x").status_code == 401
    assert market.given == 1


@pytest.mark.parametrize("kind", ["refusing", "garbled"])
def test_no_token(kind: str) -> None:
    market = Market()
    setattr(market, kind, True)
    client, _ = make(market)
    with client, pytest.raises(TokenRefusedError) as caught:
        client.get("/x")
    assert "me" in str(caught.value)
    assert SECRET not in str(caught.value)


def write(path: Path, content: str, mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def test_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = json.dumps({"client_id": "me", "client_secret": SECRET})
    path = write(tmp_path / "good.json", good)
    assert read_credentials(path) == Credentials("me", SECRET)
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    assert from_environment() is None
    monkeypatch.setenv(ENVIRONMENT, str(path))
    assert from_environment() == Credentials("me", SECRET)


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (None, 0o600, "No such file"),
        ("{", 0o600, "must be JSON"),
        (json.dumps({"client_id": "me", "client_secret": 7, "x": SECRET}), 0o600, "must be JSON"),
        (json.dumps({"client_id": "me", "client_secret": SECRET}), 0o644, "chmod 600"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: str | None, mode: int, reason: str) -> None:
    path = tmp_path / "credentials.json"
    if content is not None:
        write(path, content, mode)
    with pytest.raises(CredentialsError, match=reason) as caught:
        read_credentials(path)
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)
