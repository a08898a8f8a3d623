"""Kills a process that installs contracts, over and over, and looks at the store after each kill.

Run as a program (its own process, so that it may fork): ``python -m tests.evcc.kill_store MODE FOLDER``.
``every-step`` lets the child kill itself before its first, second, third … change to the file system;
``random`` lets the parent kill it after a random number of acknowledged installations, at whatever point
it has reached by then. The child says over a pipe what the store acknowledged.
"""

import json
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evcc.contracts import Contract, ContractStore
from tests.evcc.material import EMAIDS, NOW, World

FILE_OPERATIONS = ("open", "fsync", "replace", "unlink", "mkdir")


def main() -> int:
    mode, folder = sys.argv[1], Path(sys.argv[2])
    worlds = (World(seed=1), World(seed=2))
    contracts = [world.contract(emaid) for emaid in EMAIDS[:3] for world in worlds]
    several = [worlds[0].contract(emaid) for emaid in EMAIDS[1:4]]
    batches = [*([contract] for contract in contracts), several]
    kills = every_step(folder, batches) if mode == "every-step" else at_random(folder, contracts)
    print(json.dumps(kills))
    return 0


def every_step(folder: Path, batches: list[list[Contract]]) -> dict[str, int]:
    counts = {"kills": 0, "kills_that_kept_the_old_state": 0, "kills_that_kept_the_new_state": 0}
    for batch in batches:
        step = 0
        while True:
            step += 1
            before = state(folder)
            child = os.fork()
            if child == 0:
                kill_self_before(step)
                ContractStore.open(folder).install_all(batch, NOW)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            after = state(folder)
            if os.WIFEXITED(status):
                assert serials(batch) <= after, "acknowledged, yet not there"
                break
            assert os.WTERMSIG(status) == signal.SIGKILL
            tally(counts, before, after, batch)
    return counts


def kill_self_before(step: int) -> None:
    """Let this process die by SIGKILL instead of its ``step``-th change to the file system."""
    left = step

    def wrap(operation: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **keywords: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return operation(*arguments, **keywords)

        return wrapped

    for name in FILE_OPERATIONS:
        setattr(os, name, wrap(getattr(os, name)))


def at_random(folder: Path, contracts: list[Contract]) -> dict[str, int]:
    counts = {"kills": 0, "kills_that_kept_the_old_state": 0, "kills_that_kept_the_new_state": 0}
    chance = random.Random(20)
    for _ in range(40):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            install_for_ever(folder, contracts, writer)
        os.close(writer)
        acknowledged = b""
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            for _ in range(chance.randrange(1, 8)):
                acknowledged += pipe.read(1)
            os.kill(child, signal.SIGKILL)
            acknowledged += pipe.read()
        os.waitpid(child, 0)
        count = len(acknowledged)
        after = state(folder)
        last, following = contracts[(count - 1) % len(contracts)], contracts[count % len(contracts)]
        begun = following.certificate.serial_number in after
        replaced = begun and following.emaid == last.emaid
        assert replaced or last.certificate.serial_number in after, "acknowledged, yet not there"
        counts["kills"] += 1
        counts["kills_that_kept_the_new_state" if begun else "kills_that_kept_the_old_state"] += 1
    return counts


def install_for_ever(folder: Path, contracts: list[Contract], acknowledge: int) -> None:
    store = ContractStore.open(folder)
    while True:
        for contract in contracts:
            store.install(contract, NOW)
            os.write(acknowledge, b".")


def state(folder: Path) -> set[int]:
    """Open the store as the next process would; it must open, be whole, and hold no leftovers."""
    store = ContractStore.open(folder)
    files = {path.name for path in folder.iterdir()} - {".lock", "store.json"}
    assert len(files) == len(store.contracts), f"leftovers: {files}"
    assert store.chosen is not None or not store.contracts
    return {contract.certificate.serial_number for contract in store.contracts}


def serials(contracts: list[Contract]) -> set[int]:
    return {contract.certificate.serial_number for contract in contracts}


def tally(counts: dict[str, int], before: set[int], after: set[int], batch: list[Contract]) -> None:
    """All contracts of a batch are there, or none of them is."""
    counts["kills"] += 1
    if serials(batch) <= after:
        counts["kills_that_kept_the_new_state"] += 1
    else:
        assert after == before, "neither the old state nor the new one"
        counts["kills_that_kept_the_old_state"] += 1


if __name__ == "__main__":
    sys.exit(main())
