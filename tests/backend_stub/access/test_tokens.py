"""Access tokens: how they are asked for, what they are good for, and which are not."""

import base64
import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from backend_stub.access import clients
from backend_stub.access.clients import ClientFile
from backend_stub.access.guard import TOKEN_PATH
from backend_stub.access.interface import Role, Scope
from backend_stub.access.tokens import TokenError, Tokens, signing_key
from backend_stub.errors import Code
from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.access.material import ClosedWorld
from tests.backend_stub.material import SetClock, World, open_world
from tests.backend_stub.test_door import refused

ROOTS = "/v1/root/rootCerts"


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clients.json"


def make_tokens(path: Path, clock: SetClock, audiences: frozenset[str] = frozenset()) -> Tokens:
    key = SystemEntropy().ec_key(ec.SECP256R1())
    return Tokens(key, ClientFile(path), now=clock.now, lifetime_s=600, audiences=audiences)


def test_a_token_stands_for_its_client_until_it_ends(path: Path, clock: SetClock) -> None:
    client, _ = clients.add(path, Role.MSP, "DEPNC")
    tokens = make_tokens(path, clock)
    issued = tokens.issue(client, "here", [Scope.CCP_READ])
    assert issued.text not in repr(issued)
    party = tokens.party(issued.text)
    assert (party.role, party.id, party.scopes) == (Role.MSP, "DEPNC", {Scope.CCP_READ})
    header = jwt.get_unverified_header(issued.text)
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    clock.forward(seconds=599)
    tokens.party(issued.text)
    clock.forward(seconds=1)
    with pytest.raises(TokenError, match="expired"):
        tokens.party(issued.text)


def test_a_client_that_is_removed_or_restricted_is_so_at_once(path: Path, clock: SetClock) -> None:
    client, _ = clients.add(path, Role.ADMIN, "boss", client_id="a")
    clients.add(path, Role.ADMIN, "boss", client_id="b")
    tokens = make_tokens(path, clock)
    issued = tokens.issue(client, "", list(Scope))
    clients.remove(path, "a")
    with pytest.raises(TokenError, match="removed"):
        tokens.party(issued.text)
    clients.add(path, Role.ADMIN, "boss", client_id="a", scopes=[Scope.EVENTS])
    assert tokens.party(issued.text).scopes == {Scope.EVENTS}


def test_audiences(path: Path, clock: SetClock) -> None:
    client, _ = clients.add(path, Role.ADMIN, "boss")
    tokens = make_tokens(path, clock, frozenset({"here", "there"}))
    tokens.party(tokens.issue(client, "there", []).text)
    with pytest.raises(TokenError, match=r"(?i)audience"):
        tokens.party(tokens.issue(client, "elsewhere", []).text)


def forged(claims: dict[str, Any], key: Any, algorithm: str, **header: str) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers={"typ": "at+jwt"} | header)


def test_tokens_that_are_none(path: Path, clock: SetClock) -> None:
    client, _ = clients.add(path, Role.ADMIN, "boss")
    tokens = make_tokens(path, clock)
    good = tokens.issue(client, "x", [Scope.EVENTS]).text
    claims = jwt.decode(good, options={"verify_signature": False})
    other = SystemEntropy().ec_key(ec.SECP256R1())
    head, body, signature = good.split(".")
    bad = [
        "",
        "x",
        "a.b.c",
        good + "A",
        f"{head}.{body}.",
        f"{head}.{base64.urlsafe_b64encode(json.dumps(claims | {'sub': 'x'}).encode()).decode().rstrip('=')}.{signature}",
        forged(claims, other, "ES256"),
        forged(claims, "secret of at least thirty-two bytes!", "HS256"),
        forged(claims, None, "none"),
        make_tokens(path, clock).issue(client, "x", []).text,
    ]
    for text in bad:
        with pytest.raises(TokenError) as caught:
            tokens.party(text)
        assert not text or text not in str(caught.value) or len(text) < 6
    for changed in ({"iss": "somebody"}, {"exp": None}, {"sub": 7}):
        with pytest.raises(TokenError):
            tokens.party(forged({**claims, **changed}, tokens._key, "ES256"))
    with pytest.raises(TokenError, match="not an access token"):
        tokens.party(forged(claims, tokens._key, "ES256", typ="JWT"))


async def test_servers_on_one_store_share_the_key(world: World) -> None:
    keys = [await signing_key(world.database, world.clock.now, SystemEntropy()) for _ in range(2)]
    assert keys[0].private_numbers() == keys[1].private_numbers()


# --- the door -----------------------------------------------------------------------------------------


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


async def test_json_form_and_basic(closed: ClosedWorld) -> None:
    account, http = closed.accounts["cpo"], closed.world.http
    name, secret = account.client.client_id, account.secret
    form = {"grant_type": "client_credentials"}
    answers = [
        await http.post(TOKEN_PATH, json=account.request),
        await http.post(TOKEN_PATH, data=account.request),
        await http.post(TOKEN_PATH, data=form, headers=basic(name, secret)),
        await http.post(TOKEN_PATH, json=form, headers=basic(name, secret)),
        await http.post(
            TOKEN_PATH, data=form | {"client_id": name, "scope": "ccp:ask"}, headers=basic(name, secret)
        ),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
        assert answer.headers["cache-control"] == "no-store"
        headers = {"Authorization": f"bearer {body['access_token']}"}
        status = (await http.get(ROOTS, headers=headers)).status_code
        assert status == (403 if body["scope"] == "ccp:ask" else 200)


def refusal(response: httpx.Response, status: int, error: str) -> None:
    assert response.status_code == status, response.text
    assert response.json()["error"] == error
    assert set(response.json()) == {"error", "error_description"}
    assert response.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in response.headers) is (status == 401)


async def test_requests_for_tokens_that_are_refused(
    closed: ClosedWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    account, http = closed.accounts["cpo"], closed.world.http
    name, secret, good = account.client.client_id, account.secret, account.request
    refusal(await http.post(TOKEN_PATH, json=good | {"client_secret": "wrong"}), 401, "invalid_client")
    refusal(await http.post(TOKEN_PATH, json=good | {"client_id": "nobody"}), 401, "invalid_client")
    refusal(
        await http.post(TOKEN_PATH, json=good | {"grant_type": "password"}), 400, "unsupported_grant_type"
    )
    refusal(await http.post(TOKEN_PATH, json=good | {"scope": "market"}), 400, "invalid_scope")
    for name_of in ("client_id", "client_secret", "grant_type"):
        fewer = {key: value for key, value in good.items() if key != name_of}
        refusal(await http.post(TOKEN_PATH, json=fewer), 400, "invalid_request")
    for content, kind in (
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"grant_type": 7}', "application/json"),
        (b"a=1&a=2", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"{}", "text/plain"),
    ):
        answer = await http.post(TOKEN_PATH, content=content, headers={"content-type": kind})
        refusal(answer, 400, "invalid_request")
    for headers in (
        {"Authorization": "Basic !"},
        {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
        {"Authorization": "Digest x"},
        basic(name, secret),  # and in the body as well
    ):
        refusal(await http.post(TOKEN_PATH, json=good, headers=headers), 400, "invalid_request")
    everything = caplog.text + json.dumps(closed.world.sink.records, default=str)
    for text in (secret, *closed.tokens.values()):
        assert text not in everything


async def test_guessing_is_slowed_down(limited: ClosedWorld) -> None:
    wrong = limited.accounts["cpo"].request | {"client_secret": "guess"}
    statuses = [(await limited.world.http.post(TOKEN_PATH, json=wrong)).status_code for _ in range(21)]
    assert statuses.index(429) <= 20
    late = await limited.world.http.post(TOKEN_PATH, json=wrong)
    refused(late, Code.TOO_MANY)
    assert int(late.headers["retry-after"]) >= 1
    limited.world.clock.forward(seconds=int(late.headers["retry-after"]))
    assert (await limited.world.http.post(TOKEN_PATH, json=wrong)).status_code == 401


async def test_an_open_market_issues_no_tokens(tmp_path: Path, hierarchy: Hierarchy) -> None:
    async with open_world(tmp_path, hierarchy) as world:
        refusal(
            await world.http.post(TOKEN_PATH, json={"grant_type": "client_credentials"}),
            400,
            "invalid_request",
        )


async def test_an_expired_token_is_told_apart(closed: ClosedWorld) -> None:
    closed.world.clock.moment += timedelta(minutes=11)
    answer = await closed.world.http.get(ROOTS, headers=closed.headers("admin"))
    refused(answer, Code.UNAUTHENTICATED)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert "expired" in answer.json()["errorMessages"][0]
