"""The command line of ``pnclab explain``; what it does is loaded when it is called."""

import argparse
from datetime import UTC, datetime

from v2g.security.dialects import DIALECTS

_DESCRIPTION = """\
Show every step of a certificate installation of ISO 15118-2 or -20: chains and signatures, each
digest with what it was made of, the bytes of SignedInfo, and with the car's key the envelope: Z,
OtherInfo, K, IV, AAD, and the checks on the contract key. Where a step fails, the dialect of a known
peer in which it would have held is named.
"""

_EPILOG = """\
examples:
  pnclab explain runs/latest      what the demo left: its car's key and its certificates are found by themselves
  pnclab explain request.exi response.exi --key receiver.key --json
  pnclab explain docs/vectors/iso20/CertificateInstallation*.exi \\
      --key docs/vectors/iso20/receiver.key --trust docs/vectors/iso20 --at 2026-01-02

exit codes: 0 every step holds, 1 a step fails, 2 wrong usage or input that cannot be read
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``explain``. The chosen command stands in ``run``: Namespace → exit code."""
    command = commands.add_parser(
        "explain",
        help="take a captured certificate installation apart: chains, digests, SignedInfo, the envelope",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "source",
        nargs="+",
        metavar="SOURCE",
        help="request and response, in any order: files with EXI or V2GTP, raw, hex or base64, or hex text "
        "itself (the response alone is enough for its signature); or one trace.jsonl, or the folder of a run",
    )
    command.add_argument(
        "--key",
        metavar="FILE",
        help="the car's private key that receives the envelope (default: that of the run)",
    )
    command.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PATH",
        help="roots to hold chains against, and sub-CAs that messages leave out: files, folders; repeatable "
        "(default: the pki folder of the run)",
    )
    command.add_argument(
        "--dialect",
        choices=DIALECTS,
        default="standard",
        metavar="NAME",
        help="whose reading to follow (default: %(default)s): %(choices)s",
    )
    command.add_argument("--pcid", metavar="PCID", help="the car's PCID, if the request is not there (-20)")
    command.add_argument(
        "--at",
        type=_moment,
        metavar="TIME",
        help="judge validity at this time, as 2026-01-31 or with T12:00:00Z",
    )
    command.add_argument("--installation", type=int, metavar="N", help="which one of a trace, from 1")
    command.add_argument(
        "--show-secrets", action="store_true", help="show Z, K and the plaintext key instead of fingerprints"
    )
    command.add_argument("--full", action="store_true", help="shorten no value in the table")
    command.add_argument("--json", action="store_true", help="print one JSON object; bytes as hex, in full")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain, and return the exit code."""
    from lab.explain import telling  # noqa: PLC0415 - each command loads what it needs

    return telling.run(options)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
