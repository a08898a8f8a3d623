"""The command line of ``pnclab decode``; what it does is loaded when it is called."""

import argparse
from pathlib import Path

EXIT_OK, EXIT_BAD_INPUT, EXIT_INCOMPLETE, EXIT_NO_SESSION = 0, 2, 4, 5

_DESCRIPTION = """\
Find the V2G sessions in a capture (pcap or pcapng, of any car and charger), decrypt TLS 1.2 and 1.3 with the keys
inside the file or beside it, decode every message with the schema that its session agreed on, check signatures
and chains, and show messages, times and deadlines.
"""

_EPILOG = """\
examples:
  pnclab decode docs/captures/iso2-installation.pcapng
  pnclab decode field.pcap --key-log keys.log --roots pki/
  pnclab decode field.pcapng --json | jq -r 'select(.kind == "message.sent") | .name'
  pnclab decode field.pcapng --report out/ && pnclab explain out/

exit codes: 0 every session decoded, 2 wrong usage or a file that cannot be read, 4 something in a session could
not be decrypted or decoded, or a signature or chain does not hold, 5 no V2G session in the file
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``decode``. The chosen command stands in ``run``: Namespace → exit code."""
    command = commands.add_parser(
        "decode",
        help="the V2G sessions in a capture of any stack: decrypted, decoded, verified",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("capture", type=Path, metavar="CAPTURE", help="a pcap or pcapng file")
    command.add_argument(
        "--key-log",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="TLS keys (SSLKEYLOGFILE format), besides those inside the capture; repeatable",
    )
    command.add_argument(
        "--roots",
        action="append",
        default=[],
        metavar="PATH",
        help="hold certificate chains against the roots in a file or folder, however deep; repeatable "
        "(signatures are checked without, too)",
    )
    command.add_argument("--session", type=int, metavar="N", help="show only the Nth session, from 1")
    shape = command.add_mutually_exclusive_group()
    shape.add_argument(
        "--json", action="store_true", help="print the events of a trace, one JSON object a line"
    )
    shape.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report.html and trace.jsonl into a folder, which pnclab table and explain read as well",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Decode, and return the exit code."""
    from lab.captures import showing  # noqa: PLC0415 - each command loads what it needs

    return showing.run(options)
