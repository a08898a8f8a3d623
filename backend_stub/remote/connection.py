"""A role that runs in another process, behind the very interface that it has in this one."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_type_hints

import httpx
import msgspec

from backend_stub.errors import Code, MarketError
from backend_stub.federation import calls
from backend_stub.remote.codec import CodecError, from_wire, to_wire

PREFIX = "/roles/v1/"
SECRET_HEADER = "x-role-secret"  # noqa: S105 - the name of a header
AT_ONCE_HEADER = "x-at-once"
LIMIT_S = 30.0
"""How long a call may take when nobody has set a deadline."""

_LIMITS = httpx.Limits(max_connections=128, max_keepalive_connections=32, keepalive_expiry=30)


class _Answer(msgspec.Struct):
    value: Any = None


class _Refusal(msgspec.Struct):
    errorMessages: list[str] = []  # noqa: N815 - spelled as on the wire


class RoleConnection:
    """Pooled connections to one role process. ``secret`` is what the processes of a provider share."""

    def __init__(
        self, role: str, url: str, secret: str, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.role = role
        self.url = url
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={SECRET_HEADER: secret},
            transport=transport,
            limits=_LIMITS,
            timeout=None,  # noqa: S113 - one deadline bounds the whole call, see call()
            follow_redirects=False,
            trust_env=False,
        )

    def __repr__(self) -> str:
        """Return role and address: never the secret."""
        return f"<RoleConnection to {self.role} at {self.url}>"

    async def close(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()

    async def call(self, name: str, method: str, arguments: Mapping[str, Any]) -> Any:
        """Return what JSON holds of the result; raises the role's MarketError, or PEER, or DEADLINE."""
        within_s = calls.remaining_s(LIMIT_S)
        headers = {"Content-Type": "application/json", calls.DEADLINE_HEADER: str(int(within_s * 1000))}
        if calls.only_from_here():
            headers[calls.BROADCAST_HEADER] = "true"
        if calls.only_at_once():
            headers[AT_ONCE_HEADER] = "true"
        content = msgspec.json.encode({key: to_wire(value) for key, value in arguments.items()})
        try:
            async with asyncio.timeout(within_s):
                response = await self._client.post(
                    f"{PREFIX}{name}/{method}", content=content, headers=headers
                )
        except TimeoutError:
            raise MarketError(Code.DEADLINE, f"role {self.role} did not answer in time") from None
        except httpx.HTTPError as error:
            detail = str(error) or type(error).__name__
            raise MarketError(
                Code.PEER, f"role {self.role} at {self.url} cannot be reached: {detail}"
            ) from error
        try:
            if response.is_success:
                return msgspec.json.decode(response.content, type=_Answer).value
            messages = msgspec.json.decode(response.content, type=_Refusal).errorMessages
        except msgspec.MsgspecError:
            messages = []
        raise _refusal(messages[0] if messages else "", self)


def remote(protocol: Any, name: str, connection: RoleConnection) -> Any:
    """Return an object with the coroutine methods of ``protocol`` that calls them in the other process.

    The caller says by an annotation which interface it is: a type checker has no word for "an instance of this
    Protocol".
    """
    return _Proxy(protocol, name, connection)


class _Proxy:
    def __init__(self, protocol: type[Any], name: str, connection: RoleConnection) -> None:
        self._of = f"{name} of {connection!r}"
        for method, signature in methods_of(protocol).items():
            setattr(self, method, self._caller(name, method, signature, connection))

    def __repr__(self) -> str:
        return f"<remote {self._of}>"

    def _caller(
        self, name: str, method: str, signature: inspect.Signature, connection: RoleConnection
    ) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(self, *args, **kwargs)
            arguments = {key: value for key, value in bound.arguments.items() if key != "self"}
            data = await connection.call(name, method, arguments)
            try:
                return from_wire(data, signature.return_annotation)
            except CodecError as error:
                raise MarketError(Code.PEER, f"role {connection.role} answered nonsense: {error}") from error

        return call


def methods_of(protocol: Any) -> Mapping[str, inspect.Signature]:
    """Return the coroutine methods of an interface with their resolved signatures."""
    found = {}
    for name, function in inspect.getmembers(protocol, inspect.iscoroutinefunction):
        hints = get_type_hints(function)
        signature = inspect.signature(function)
        parameters = [
            parameter.replace(annotation=hints.get(key, parameter.annotation))
            for key, parameter in signature.parameters.items()
        ]
        found[name] = signature.replace(parameters=parameters, return_annotation=hints.get("return"))
    return found


def _refusal(text: str, connection: RoleConnection) -> MarketError:
    word, _, detail = text.partition(" ")
    for code in Code:
        if word == f"[{code}]":
            return MarketError(code, detail)
    return MarketError(Code.PEER, f"role {connection.role} at {connection.url} does not answer as one")
