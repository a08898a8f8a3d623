"""Errors over HTTP, in the shape that OPCP gives them: ``{errorMessages: [...], traceId}``."""

# ruff: noqa: N815 - fields are spelled as on the wire

import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from backend_stub.errors import Code, MarketError
from backend_stub.web.json_guard import is_json

TRACE_ID: ContextVar[str] = ContextVar("trace_id", default="-")
"""The trace id of the request being handled; log lines and error answers carry it."""

_MAX_MESSAGES = 20
_MAX_MESSAGE_LENGTH = 500

_log = logging.getLogger(__name__)


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    errorMessages: list[str] = Field(
        description="What is wrong; each message starts with a stable code in brackets.",
        examples=[["[NO_CONTRACT] no default contract for PCID PNC4XF0EJ21CJ6T2S"]],
    )
    traceId: str = Field(
        description="Finds this request in log and trace.", examples=["c0ffee00-1234-4abc-8def-0123456789ab"]
    )


_ANY_CALL = (Code.REQUEST, Code.TOO_LARGE, Code.SLOW, Code.STORE, Code.TOO_MANY)
_PROTECTED_CALL = (Code.UNAUTHENTICATED, Code.FORBIDDEN)


def refusals(
    *codes: Code, public: bool = False, model: type[ErrorAnswer] = ErrorAnswer
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI ``responses`` for a call that refuses with these codes.

    Those that any call may give are added; ``public`` says that the call needs no access token, ``model``
    describes refusals that carry more than the reason.
    """
    texts: dict[int, list[str]] = {}
    for code in (*codes, *_ANY_CALL, *(() if public else _PROTECTED_CALL)):
        texts.setdefault(int(code.status), []).append(f"`[{code}]` {code.meaning}")
    described: dict[int | str, dict[str, Any]] = {
        status: {"model": model, "description": "; ".join(dict.fromkeys(lines))}
        for status, lines in sorted(texts.items())
    }
    # Also keeps FastAPI from describing a 422 of its own that is never sent.
    described["default"] = {
        "model": ErrorAnswer,
        "description": f"`[{Code.INTERNAL}]` {Code.INTERNAL.meaning}",
    }
    return described


class FullRefusalError(MarketError):
    """A refusal whose answer carries more than the reason; ``extra`` are further members of its body."""

    def __init__(self, error: MarketError, extra: Mapping[str, Any]) -> None:
        super().__init__(error.code, error.detail, error.headers)
        self.extra = extra


def error_response(
    status: int,
    messages: Iterable[str],
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Return an error answer. Lone surrogates, which JSON admits and UTF-8 does not, are written out."""
    texts = [
        message[:_MAX_MESSAGE_LENGTH].encode("utf-8", "backslashreplace").decode("utf-8")
        for message in list(messages)[:_MAX_MESSAGES]
    ]
    body = {"errorMessages": texts, "traceId": TRACE_ID.get(), **(extra or {})}
    return JSONResponse(body, status_code=status, headers=dict(headers) if headers else None)


def refuse(error: MarketError) -> JSONResponse:
    """Return the answer for a refusal."""
    extra = error.extra if isinstance(error, FullRefusalError) else None
    return error_response(int(error.code.status), [str(error)], error.headers, extra)


def install_error_handlers(app: FastAPI) -> None:
    """Give every error that a handler may raise OPCP's shape."""

    @app.exception_handler(MarketError)
    async def _market_error(request: Request, error: MarketError) -> JSONResponse:
        request.state.reason = str(error.code)
        _log.info("refused %s %s: %s", request.method, request.url.path, error)
        return refuse(error)

    @app.exception_handler(RequestValidationError)
    async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
        request.state.reason = str(Code.REQUEST)
        if any(item["loc"] == ("body",) for item in error.errors()) and not is_json(
            request.headers.get("content-type", "")
        ):
            return error_response(Code.REQUEST.status, [f"[{Code.REQUEST}] body: must be application/json"])
        messages = [
            f"[{Code.REQUEST}] {'.'.join(str(step) for step in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        return error_response(Code.REQUEST.status, messages)

    @app.exception_handler(HTTPException)
    async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
        code = Code.UNKNOWN if error.status_code == HTTPStatus.NOT_FOUND else Code.REQUEST
        request.state.reason = str(code)
        return error_response(error.status_code, [f"[{code}] {error.detail}"], error.headers)
