"""``POST /oauth/token``: OAuth2 client credentials, as OPCP asks (JSON) and as RFC 6749 has it (form, Basic)."""

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from backend_stub.access.clients import Client, secret_matches
from backend_stub.access.gate import REALM, Gate
from backend_stub.access.guard import TOKEN_PATH
from backend_stub.access.interface import Scope
from backend_stub.access.tokens import IssuedToken, Tokens
from backend_stub.web.answers import ErrorAnswer, refusals

_GRANT = "client_credentials"
_PARALLEL_HASHES = 2
_NOT_STORED = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM = "application/x-www-form-urlencoded"


class TokenAnswer(BaseModel):
    """An access token."""

    access_token: str
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="Seconds from now.")
    scope: str = Field(description="What it is good for, separated by blanks.")


class TokenRefusal(BaseModel):
    """An error answer as OAuth2 has it."""

    error: str = Field(examples=["invalid_client"])
    error_description: str


@dataclass(frozen=True, slots=True)
class _Credentials:
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"<credentials of {self.client_id!r}>"


class _TokenRequestError(Exception):
    """What OAuth2 calls the error, and a sentence without secrets."""

    def __init__(self, error: str, description: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(error, description)
        self.error = error
        self.description = description
        self.status = status


_FIELDS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "client_id": {"type": "string"},
        "client_secret": {"type": "string"},
        "audience": {"type": "string", "description": "The market's URL."},
        "grant_type": {"type": "string", "const": _GRANT},
        "scope": {"type": "string", "description": "Less than all that the client may have."},
    },
    "required": ["grant_type"],
}


def router(gate: Gate) -> APIRouter:
    """Return the route that issues tokens."""
    routes = APIRouter(tags=["Access"])
    hashing = asyncio.Semaphore(_PARALLEL_HASHES)  # each takes 16 MiB and a core

    @routes.post(
        TOKEN_PATH,
        summary="Get an access token",
        response_model=TokenAnswer,
        responses=refusals(public=True)
        | {
            400: {"model": TokenRefusal | ErrorAnswer, "description": "The request is not proper OAuth2."},
            401: {"model": TokenRefusal, "description": "Client or secret are wrong."},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _FIELDS}, _FORM: {"schema": _FIELDS}},
            }
        },
    )
    async def token(request: Request) -> JSONResponse:
        """Give a client that proves its secret a token for its scopes, or for those it asks for.

        Credentials stand in the body, as OPCP has it, or in an `Authorization: Basic` header after RFC 6749.
        """
        try:
            issued = await _issue(gate.tokens, hashing, request)
        except _TokenRequestError as error:
            request.state.reason = error.error
            refusal = {"error": error.error, "error_description": error.description}
            challenge = {"WWW-Authenticate": f'Basic realm="{REALM}"'}
            headers = _NOT_STORED | (challenge if error.status == HTTPStatus.UNAUTHORIZED else {})
            return JSONResponse(refusal, status_code=error.status, headers=headers)
        answer = TokenAnswer(
            access_token=issued.text,
            token_type="Bearer",  # noqa: S106 - a kind of token, not one
            expires_in=issued.expires_in_s,
            scope=" ".join(issued.scopes),
        )
        return JSONResponse(answer.model_dump(), headers=_NOT_STORED)

    return routes


async def _issue(tokens: Tokens | None, hashing: asyncio.Semaphore, request: Request) -> IssuedToken:
    if tokens is None:
        raise _TokenRequestError("invalid_request", "this market is open: it needs and issues no tokens")
    fields = _fields(request.headers.get("content-type", ""), await request.body())
    if fields.get("grant_type") != _GRANT:
        error = "unsupported_grant_type" if "grant_type" in fields else "invalid_request"
        raise _TokenRequestError(error, f"grant_type must be {_GRANT}")
    credentials = _credentials(request.headers.getlist("authorization"), fields)
    client = tokens.clients.get(credentials.client_id)
    async with hashing:
        stored = None if client is None else client.secret
        proven = await asyncio.to_thread(secret_matches, credentials.client_secret, stored)
    if not proven or client is None:
        raise _TokenRequestError(
            "invalid_client", "no such client, or another secret", HTTPStatus.UNAUTHORIZED
        )
    return tokens.issue(client, _audience(tokens, fields), _wanted(client, fields))


def _fields(content_type: str, body: bytes) -> Mapping[str, str]:
    """Return the fields of a JSON or form body; each must be a string and stand there once."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _FORM:
        try:
            pairs = parse_qsl(
                body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20
            )
        except ValueError:
            raise _TokenRequestError("invalid_request", "the body is not a form") from None
        if len(dict(pairs)) != len(pairs):
            raise _TokenRequestError("invalid_request", "a field stands in the form twice")
        return {name: value for name, value in pairs if value}
    if kind == "application/json":
        try:
            return msgspec.json.decode(body, type=dict[str, str])
        except msgspec.MsgspecError:
            raise _TokenRequestError("invalid_request", "the body is not a JSON object of strings") from None
    raise _TokenRequestError("invalid_request", f"the body must be application/json or {_FORM}")


def _credentials(authorization: list[str], fields: Mapping[str, str]) -> _Credentials:
    if not authorization:
        if "client_id" not in fields or "client_secret" not in fields:
            raise _TokenRequestError("invalid_request", "client_id and client_secret are needed")
        return _Credentials(fields["client_id"], fields["client_secret"])
    scheme, _, encoded = authorization[0].partition(" ")
    if len(authorization) > 1 or scheme.lower() != "basic":
        raise _TokenRequestError(
            "invalid_request", "only one Authorization header, of scheme Basic, is taken"
        )
    if "client_secret" in fields:
        raise _TokenRequestError("invalid_request", "give the secret once: in the header or in the body")
    try:
        # RFC 6749 has both parts form-encoded before they are joined.
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise _TokenRequestError("invalid_request", "the Basic header is not base64 of id:secret") from None
    if not colon or fields.get("client_id", unquote_plus(name)) != unquote_plus(name):
        raise _TokenRequestError("invalid_request", "the Basic header is not id:secret of this client_id")
    return _Credentials(unquote_plus(name), unquote_plus(secret))


def _audience(tokens: Tokens, fields: Mapping[str, str]) -> str:
    audience = fields.get("audience", "")
    if tokens.audiences and audience not in tokens.audiences:
        raise _TokenRequestError("invalid_request", "audience is not one of this market's")
    return audience


def _wanted(client: Client, fields: Mapping[str, str]) -> list[Scope]:
    wanted = fields.get("scope", "").split()
    if excess := set(wanted) - set(client.scopes):
        unknown = min(excess)[:40]
        raise _TokenRequestError("invalid_scope", f"this client cannot have scope {unknown!r}")
    return [scope for scope in client.scopes if not wanted or scope in wanted]
