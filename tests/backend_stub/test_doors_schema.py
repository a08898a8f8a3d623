"""Both interfaces against their own descriptions: schemathesis makes the requests and judges the answers.

Each call is tried with requests that its description admits and with some that it does not, in an open market and,
with the token of a party, in a closed one. All checks of schemathesis are on: no 500, documented statuses, content
types, headers and bodies, and no request accepted that the description forbids. One is left out:
that whatever fits the description must be accepted. No schema can say what a certificate is, or a check digit.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from backend_stub.access import clients
from pki.hierarchy import Hierarchy
from tests.backend_stub.access.material import open_closed_world
from tests.backend_stub.material import open_world

EXAMPLES = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ENDLESS = "/v1/events/stream"


@schemathesis.serializer("application/pkcs10", "application/ocsp-request")
def plain(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@dataclass
class Doors:
    """A market to knock at, open or with the headers of a party."""

    app: FastAPI
    headers: dict[str, str]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture(scope="module", params=["open", "admin", "own msp"])
def doors(
    request: pytest.FixtureRequest,
    runner: asyncio.Runner,
    tmp_path_factory: pytest.TempPathFactory,
    hierarchy: Hierarchy,
) -> Iterator[Doors]:
    directory = tmp_path_factory.mktemp("market")
    stack = AsyncExitStack()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clients, "_SCRYPT_N", 2**4)
        if request.param == "open":
            world = runner.run(stack.enter_async_context(open_world(directory, hierarchy)))
            headers = {}
        else:
            closed = runner.run(stack.enter_async_context(open_closed_world(directory, hierarchy)))
            world, headers = closed.world, closed.headers(request.param)
    runner.run(world.car_with_contract())
    yield Doors(world.app, headers)
    runner.run(stack.aclose())


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("interface", ["opcp", "opnc"])
def test_answers_are_as_described(doors: Doors, interface: str, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_asgi(f"/{interface}/openapi.json", doors.app)
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path == ENDLESS:
            continue

        @EXAMPLES
        @given(operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            case.call_and_validate(headers=doors.headers, excluded_checks=[positive_data_acceptance])

        try:
            check()
        except Unsatisfiable:  # a call without parameters cannot be made wrongly
            assert mode is GenerationMode.NEGATIVE, operation.label
        tried += 1
    assert tried >= 25


def test_without_a_token_nothing_is_answered(
    tmp_path: Path, runner: asyncio.Runner, hierarchy: Hierarchy
) -> None:
    stack = AsyncExitStack()
    closed = runner.run(stack.enter_async_context(open_closed_world(tmp_path, hierarchy)))
    schema = schemathesis.openapi.from_asgi("/opcp/openapi.json", closed.world.app)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.path in {"/oauth/token", ENDLESS}:
            continue

        @EXAMPLES
        @given(operation.as_strategy())
        def check(case: Any) -> None:
            response = case.call_and_validate(excluded_checks=[positive_data_acceptance])
            assert response.status_code == 401

        check()
    runner.run(stack.aclose())
