import os
import subprocess
import sys

import pytest

import exi
from exi.choice import VARIABLE
from exi.engine import Engine
from exi.selection import select


def test_the_python_engine_can_be_demanded() -> None:
    assert select("python") == ("python", Engine)


def test_auto_takes_the_native_engine_where_it_is_built() -> None:
    name, engine = select("auto")
    assert name == engine.__module__.removeprefix("exi.").replace("_native", "native").replace(
        "engine", "python"
    )
    assert select(None) == select("") == (name, engine)


def test_nonsense_is_refused() -> None:
    with pytest.raises(exi.EngineError, match="PNCLAB_EXI_ENGINE is 'fast'; it can be auto, native, python"):
        select("fast")


def test_a_native_engine_that_is_not_built_is_an_error_only_when_demanded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "exi._native", None)
    assert select("auto") == ("python", Engine)
    with pytest.raises(exi.EngineError, match="demands the native engine"):
        select("native")


def test_a_library_user_gets_an_error_that_says_what_can_be_chosen() -> None:
    program = "import exi\ntry:\n    exi.encode\nexcept exi.EngineError as error:\n    print(error)\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {VARIABLE: "fast"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "PNCLAB_EXI_ENGINE is 'fast'; it can be auto, native, python\n"


@pytest.mark.parametrize("module", ["exi.cli", "evcc.cli", "secc.cli", "backend_stub.cli", "lab.cli"])
def test_every_command_refuses_a_bad_choice_in_one_line(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from {module} import main; raise SystemExit(main(['--help']))"],
        env=os.environ | {VARIABLE: "fast"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.endswith(": PNCLAB_EXI_ENGINE is 'fast'; it can be auto, native, python")


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
