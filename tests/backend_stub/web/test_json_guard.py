"""JSON bodies that are nested too deep or say something twice."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend_stub.errors import Code, MarketError
from backend_stub.web.json_guard import MAX_DEPTH, check_json, is_json
from tests.backend_stub.material import DOOR, World
from tests.backend_stub.test_door import refused

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_whatever_is_flat_and_unambiguous_passes(value: Any) -> None:
    check_json(json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_any_bytes_pass_or_are_refused(content: bytes) -> None:
    with contextlib.suppress(MarketError):
        check_json(content)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"":'])
def test_depth(opening: bytes) -> None:
    levels = opening.count(b"[") + opening.count(b"{")
    check_json(opening * (MAX_DEPTH // levels))
    with pytest.raises(MarketError, match="nested deeper"):
        check_json(opening * (MAX_DEPTH // levels + 1))


@pytest.mark.parametrize(
    "content",
    [
        b'"' + b'\\"' * 30_000 + b"\\",  # a string without an end
        b'"' * 60_001,
        b'["' + b"[" * 60_000 + b'"]',  # brackets in a string are text
        b"\\" * 60_000,
    ],
)
def test_long_texts_take_no_time(content: bytes) -> None:
    check_json(content)


@pytest.mark.parametrize(
    "content",
    [b'{"a":1,"a":2}', b'[{"b":{"x":1,"y":2,"x":1}}]', b'{"a":1,"\\u0061":2}', b'{"":1,"":1}'],
)
def test_a_name_twice(content: bytes) -> None:
    with pytest.raises(MarketError, match="twice"):
        check_json(content)


def test_types() -> None:
    assert is_json("application/json")
    assert is_json("Application/JSON; charset=utf-8")
    assert is_json("application/problem+json")
    assert not is_json("text/json")
    assert not is_json("application/pkcs10")


async def test_at_the_door(world: World) -> None:
    headers = {"content-type": "application/json"}
    twice = b'{"xsdMsgDefNamespace":"a","xsdMsgDefNamespace":"b"}'
    answer = await world.http.post(DOOR, content=twice, headers=headers)
    refused(answer, Code.REQUEST)
    assert "twice" in answer.json()["errorMessages"][0]
    deep = b'{"metadata":' + b"[" * 40 + b"]" * 40 + b"}"
    refused(await world.http.post(DOOR, content=deep, headers=headers), Code.REQUEST)
