import os
import subprocess
import sys

import pytest

from exi.engine import Engine
from exi.selection import VARIABLE, select


def test_the_python_engine_can_be_demanded() -> None:
    assert select("python") == ("python", Engine)


def test_auto_takes_the_native_engine_where_it_is_built() -> None:
    name, engine = select("auto")
    assert name == engine.__module__.removeprefix("exi.").replace("_native", "native").replace(
        "engine", "python"
    )
    assert select(None) == select("") == (name, engine)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="PNCLAB_EXI_ENGINE is 'fast'; it can be auto, native, python"):
        select("fast")


def test_a_native_engine_that_is_not_built_is_an_error_only_when_demanded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "exi._native", None)
    assert select("auto") == ("python", Engine)
    with pytest.raises(ImportError, match="demands the native engine"):
        select("native")


@pytest.mark.parametrize("engine", ["python", "native"])
def test_the_variable_chooses_for_a_process(engine: str) -> None:
    if engine == "native":
        pytest.importorskip("exi._native", reason="the native engine is not built")
    program = (
        "import exi\n"
        "from v2g.messages import iso2\n"
        "data = bytes.fromhex('809802000000000000000011d01970e9f442cb9000')\n"
        "message = exi.decode(data, iso2.SCHEMA)\n"
        "assert exi.encode(message) == exi.encode(message, schema=iso2.SCHEMA) == data\n"
        "print(exi.engine_name())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {VARIABLE: engine},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (engine, "")
