"""``evcc ota``: contracts over the air, once or for as long as the car is on."""

import argparse
import asyncio
import contextlib
import os
import ssl
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec

from evcc import config, ota_memory, vehicle
from evcc.contracts import ContractStore
from evcc.errors import ConfigError, ContractStoreError
from evcc.exit_codes import ExitCode
from evcc.ota import Receiver, Summary, begin_reset, follow, synchronise, tell_choice
from evcc.ota_door import TelematicsDoor, TelematicsError
from evcc.ota_memory import Memory
from v2g.net.clock import SystemClock
from v2g.trace import JsonlSink, NullSink, Tracer

_CODES = {"unreachable": ExitCode.NO_CONNECTION, "refused": ExitCode.REFUSED, "protocol": ExitCode.PROTOCOL}


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line says; raises ConfigError and ContractStoreError before anything is sent."""
    car = vehicle.load(arguments.vehicle)
    settings = config.load(arguments.config, {})
    memory = _remembered(arguments.vehicle, arguments.telematics, arguments.ca)
    store = ContractStore.open(car.contracts_directory)
    clock = SystemClock()
    try:
        sink = NullSink() if arguments.trace is None else JsonlSink(arguments.trace)
    except OSError as error:
        raise ConfigError(config.COMMAND_LINE, "--trace", f"{arguments.trace}: {error.strerror}") from error
    with contextlib.closing(sink):
        tracer = Tracer("evcc", sink, clock.now)
        tracer.event("process.ready", pid=os.getpid(), version=version("pnclab"))
        receiver = Receiver(car, store, settings, clock, tracer)
        code = int(ExitCode.UNEXPECTED)
        try:
            code = asyncio.run(_talk(receiver, memory, arguments))
        except TelematicsError as error:
            print(f"evcc: {error}", file=sys.stderr)
            code = _CODES.get(error.reason, ExitCode.PROTOCOL)
        except ContractStoreError as error:
            print(f"evcc: {error}", file=sys.stderr)
            code = ExitCode.STORE
        finally:
            tracer.event("process.ended", exit_code=code)
    return code


def choose(directory: Path, emaid: str, url: str, ca: Path | None) -> str:
    """Tell the backend about a choice that the car has made already; return a sentence about it.

    A car that knows no backend has nothing to tell. A backend that cannot be reached hears of it at the next
    ``evcc ota``.
    """
    memory = _remembered(directory, url, ca) if url else ota_memory.load(directory)
    if not memory.url:
        return ""
    memory = msgspec.structs.replace(memory, pending=emaid)
    ota_memory.save(directory, memory)
    car = vehicle.load(directory)
    clock = SystemClock()
    receiver = Receiver(
        car,
        ContractStore.open(car.contracts_directory),
        config.load(None, {}),
        clock,
        Tracer("evcc", NullSink(), clock.now),
    )

    async def tell() -> Memory:
        async with _door(receiver, memory) as door:
            return await tell_choice(door, receiver, memory)

    try:
        after = asyncio.run(tell())
    except TelematicsError as error:
        return f"{error}; it will be told at the next `evcc ota`"
    return "the backend was told" if after.default == emaid else "the backend does not know this contract"


async def _talk(receiver: Receiver, memory: Memory, arguments: argparse.Namespace) -> int:
    def tell(summary: Summary) -> None:
        print(summary.as_json().decode() if arguments.json else _sentences(summary), flush=True)

    def warn(text: str) -> None:
        print(f"evcc: {text}", file=sys.stderr, flush=True)

    async with _door(receiver, memory) as door:
        forgotten = begin_reset(receiver) if arguments.factory_reset else []
        if arguments.follow:
            await follow(receiver, door, tell, warn, asyncio.sleep)
        summary = await synchronise(receiver, door, again=arguments.again)
        summary.forgotten = forgotten
    tell(summary)
    return ExitCode.INSTALLATION if summary.refused else ExitCode.OK


def _door(receiver: Receiver, memory: Memory) -> TelematicsDoor:
    trust = None
    if memory.ca:
        try:
            trust = ssl.create_default_context(cafile=memory.ca)
        except (OSError, ssl.SSLError) as error:
            reason = f"{memory.ca}: {error.strerror or error}"
            raise ConfigError(config.COMMAND_LINE, "--ca", reason) from error
    car = receiver.vehicle
    return TelematicsDoor(memory.url, car.pcid, car.provisioning_key, trust=trust)


def _remembered(directory: Path, url: str, ca: Path | None) -> Memory:
    """Return the memory of the car with what the command line adds to it."""
    memory = ota_memory.load(directory)
    if not url and not memory.url:
        raise ConfigError(config.COMMAND_LINE, "--telematics", "say once where the car maker's backend is")
    if url:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(config.COMMAND_LINE, "--telematics", f"{url}: expected http(s)://HOST:PORT")
        changed = msgspec.structs.replace(memory, url=url, ca=str(ca.absolute()) if ca else "")
        if changed != memory:
            ota_memory.save(directory, changed)
        return changed
    return memory


def _sentences(summary: Summary) -> str:
    lines = [f"installed contract {emaid}" for emaid in summary.installed]
    lines += [f"forgot contract {emaid}" for emaid in summary.forgotten]
    lines += [f"removed contract {emaid}: it has ended" for emaid in summary.removed]
    lines += [
        f"refused contract {line['emaid']}: {line['reason']}: {line['detail']}" for line in summary.refused
    ]
    if not lines:
        lines = ["nothing new"]
    count = len(summary.contracts)
    stored = f"{count} contract{'' if count == 1 else 's'} stored"
    lines.append(f"car {summary.pcid}: {stored}, chosen: {summary.chosen or 'none'}")
    return "\n".join(lines)
