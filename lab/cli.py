"""The command ``pnclab``: the demo, certificates, and reports of runs.

Exit codes: 0 done, 1 unexpected failure, 2 wrong usage or input that cannot be read, 3 a process of the
demo failed, 130 interrupted.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from lab.decode_cli import add_parser as add_decode
from lab.explain.command import add_parser as add_explain
from lab.link_cli import add_parser as add_link
from pki.commands import add_parser as add_pki
from v2g.net.process import ends_when_the_reader_leaves

EXIT_OK = 0
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

_EXAMPLES = """\
examples:
  pnclab demo                     a car installs its contract live at a charger, and charges
  pnclab report runs/latest       draw a run again from its trace
  pnclab table runs/latest        its messages, bytes, times and deadlines
  pnclab explain runs/latest      the installation in it, every cryptographic step
  pnclab decode field.pcapng      the sessions in a capture of any car and charger
  pnclab link run --to 127.0.0.1:8080 --preset lte-edge    a mobile link before a backend
  pnclab pki show runs/latest/pki
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="pnclab",
        description="An ISO 15118 car, charger and Plug & Charge market on your machine.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="market, charger and car as processes: the car installs its contract and charges",
        description="Start a market, a charger and a car as three processes; the car installs its contract "
        "live and charges, then comes back and uses what it has. Leaves report, capture and trace.",
        epilog="exit codes: 0 done, 2 wrong usage, 3 a process failed, 130 interrupted",
    )
    demo.add_argument(
        "--out", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept (default: runs)"
    )
    demo.add_argument("--json", action="store_true", help="print one JSON object instead of the story")
    demo.add_argument(
        "--discovery",
        choices=("auto", "off"),
        default="auto",
        help="auto: SDP where the loopback interface carries multicast; off: the car connects directly",
    )
    demo.set_defaults(run=_demo)

    report = commands.add_parser("report", help="write report.html of a run from its trace.jsonl")
    report.add_argument("directory", type=Path, metavar="RUN_DIR", help="a folder with a trace.jsonl")
    report.add_argument(
        "--png", type=Path, metavar="FILE", help="also write its first screen as a picture (Chromium)"
    )
    report.set_defaults(run=_report)

    table = commands.add_parser("table", help="print the messages of a run with their times and deadlines")
    table.add_argument("directory", type=Path, metavar="RUN_DIR", help="a folder with a trace.jsonl")
    shape = table.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print JSON instead of tables")
    shape.add_argument("--svg", type=Path, metavar="FILE", help="write the first table as a picture instead")
    table.set_defaults(run=_table)

    add_decode(commands)
    add_explain(commands)
    add_link(commands)
    add_pki(commands)
    return parser


@ends_when_the_reader_leaves
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? instead of a traceback
    options = build_parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _demo(options: argparse.Namespace) -> int:
    from rich.console import Console  # noqa: PLC0415 - each command loads what it needs

    from lab.demo import DemoError, Settings, run  # noqa: PLC0415
    from lab.trace_file import TraceFileError  # noqa: PLC0415
    from pki.errors import PkiError  # noqa: PLC0415

    settings = Settings(options.out, options.json, options.discovery)
    try:
        return asyncio.run(_until_signal(run(settings, Console(highlight=False))))
    except (DemoError, TraceFileError, PkiError) as error:
        return _bad_input(str(error))
    except OSError as error:
        return _bad_input(f"{error.filename or options.out}: {error.strerror or error}")


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    """Run ``work``; SIGTERM and SIGHUP end it as Ctrl-C does, with everything cleaned up."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    ended_by: list[int] = []

    def stop(number: int) -> None:
        ended_by.append(number)
        task.cancel()

    signals = (signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not ended_by:
            raise
        return 128 + ended_by[0]
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def _report(options: argparse.Namespace) -> int:
    from lab.picture import PictureError, report_png  # noqa: PLC0415 - each command loads what it needs
    from lab.report import write_report  # noqa: PLC0415
    from lab.trace_file import TraceFileError  # noqa: PLC0415

    try:
        page = write_report(options.directory)
        print(page)
        if options.png is not None:
            report_png(page, options.png)
            print(options.png)
    except (TraceFileError, PictureError) as error:
        return _bad_input(str(error))
    except OSError as error:
        return _bad_input(f"{error.filename}: {error.strerror}")
    return EXIT_OK


def _table(options: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415 - each command loads what it needs
    from rich.console import Console  # noqa: PLC0415

    from lab import picture, table  # noqa: PLC0415
    from lab.runs import load  # noqa: PLC0415
    from lab.trace_file import TraceFileError  # noqa: PLC0415

    try:
        run = load(options.directory)
        if options.json:
            print(msgspec.json.encode(table.as_json(run)).decode())
        elif options.svg is not None:
            options.svg.write_text(picture.table_svg(run), encoding="utf-8")
            print(options.svg)
        else:
            console = Console(highlight=False)
            for notice in run.notices:
                print(notice, file=sys.stderr)
            console.print(table.run_table(run, width=console.width, ascii_only=table.is_ascii(console)))
    except TraceFileError as error:
        return _bad_input(str(error))
    except OSError as error:
        return _bad_input(f"{error.filename}: {error.strerror}")
    return EXIT_OK


def _bad_input(reason: str) -> int:
    print(f"pnclab: {reason}", file=sys.stderr)
    return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
