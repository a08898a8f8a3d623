"""The command ``secc``.

Exit codes: 0 ended in order, 1 unexpected error, 2 the configuration cannot be used, 3 the charger cannot
start (address in use, no interface).
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files

from v2g.net.process import ends_when_the_reader_leaves

EXIT_OK = 0

_EXAMPLES = """\
examples:
  secc run --pki pki --backend http://127.0.0.1:8080
      answer discovery on the first usable interface, Plug & Charge with installation
  secc run --pki pki --backend http://127.0.0.1:8080 --no-sdp --listen [::1]:0
      no discovery: cars connect to the address that the ready line tells
  secc run --pki pki --backend http://127.0.0.1:8080 --check-contract ocsp,backend
      refuse cars whose contract was revoked or ended
  secc run --pki pki --backend http://127.0.0.1:8080 --roots-from-backend
      take contracts of every provider whose root the market knows
  secc run --no-tls --no-sdp --listen 127.0.0.1:61341
      plain TCP, external payment only, no certificates needed: -2 and DIN 70121
  secc run --pki pki --protocols iso20-dc --no-sdp --listen [::1]:0
      one protocol only; without --protocols the charger speaks -2, -20, DIN and the car chooses
  secc diagram --protocol iso20-dc
      the states of a session, drawn from the table that runs it
  secc config > secc.toml && secc run --config secc.toml

exit codes: 0 ended in order, 2 configuration, 3 cannot start (address in use, no interface)
"""

# Flag, configuration key, what the flag means. A flag given overrides the file.
_TEXT_FLAGS = (
    ("--pki", "certificates.directory", "DIR", "certificates, as `pnclab pki init` writes them"),
    ("--backend", "backend.url", "URL", "where contracts come from (OPCP)"),
    (
        "--ocsp",
        "revocation.ocsp_url",
        "URL",
        "the OCSP responder to ask in place of those that certificates name",
    ),
    ("--crl", "revocation.crl", "FILE|URL", "the revocation list in place of those that certificates name"),
    ("--backend-credentials", "backend.credentials", "FILE", "client_id and client_secret for it (JSON)"),
    ("--interface", "network.interface", "IF", "where discovery is answered (default: auto)"),
    ("--listen", "network.listen", "HOST:PORT", "the address to listen on; port 0 takes a free one"),
    ("--listen-plain", "network.listen_plain", "HOST:PORT", "a plain TCP port beside the TLS one"),
    ("--trace", "output.trace", "FILE", "append the trace to FILE (JSON lines)"),
    ("--capture", "output.capture", "FILE", "write a capture with the TLS keys inside (pcapng)"),
    ("--key-log", "output.key_log", "FILE", "append the TLS keys to FILE"),
)
# Flag, configuration key, what may stand in the list, what the flag means.
_LIST_FLAGS = (
    (
        "--check-contract",
        "revocation.check",
        ("ocsp", "crl", "backend"),
        "ask whether a contract still stands: any of ocsp,crl,backend",
    ),
)
_ON_FLAGS = (
    ("--roots-from-backend", "backend.roots", "believe the contract and V2G roots of its root pool too"),
)
_OFF_FLAGS = (
    ("--no-sdp", "network.sdp", "do not answer discovery"),
    ("--no-tls", "network.tls", "plain TCP only"),
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="secc",
        description="An ISO 15118 charger that installs Plug & Charge contracts live.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="be a charger until SIGINT or SIGTERM",
        description="Be a charger until SIGINT or SIGTERM. Flags override the file.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("--config", metavar="FILE", help="TOML file; `secc config` prints one with all keys")
    for flag, key, metavar, text in _TEXT_FLAGS:
        run.add_argument(flag, dest=key, metavar=metavar, help=text)
    for flag, key, choices, text in _LIST_FLAGS:
        run.add_argument(flag, dest=key, metavar="LIST", type=_list_of(choices), help=text)
    for value, flags in ((True, _ON_FLAGS), (False, _OFF_FLAGS)):
        for flag, key, text in flags:
            run.add_argument(flag, dest=key, action="store_const", const=value, help=text)
    run.add_argument(
        "--protocols",
        dest="network.protocols",
        metavar="KEY,…",
        type=_keys,
        help="speak these only: iso2, din, iso20-ac, iso20-dc, iso20-wpt, iso20-acdp",
    )
    run.add_argument("--json", action="store_true", help="print the ready line as JSON")
    run.add_argument("--verbose", "-v", action="store_true", help="log every connection, not only trouble")
    commands.add_parser("config", help="print a configuration file with every key explained")
    diagram = commands.add_parser("diagram", help="print the state diagram, drawn from the table (Mermaid)")
    diagram.add_argument("--page", action="store_true", help="as the page of docs/diagrams")
    diagram.add_argument(
        "--protocol",
        default="iso2",
        choices=("iso2", "din", "iso20-ac", "iso20-dc", "iso20-wpt", "iso20-acdp"),
        help="whose table to draw (default: iso2)",
    )
    return parser


def _keys(text: str) -> list[str]:
    """Split a list of protocols; which of them exist is the configuration's to check."""
    return [key.strip() for key in text.split(",") if key.strip()]


@ends_when_the_reader_leaves
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = build_parser().parse_args(argv)
    if options.command == "config":
        print(files("secc").joinpath("default.toml").read_text(encoding="utf-8"), end="")
        return EXIT_OK
    if options.command == "diagram":
        from secc.diagram import mermaid, page  # noqa: PLC0415 - each command loads what it needs
        from secc.protocols import ALL  # noqa: PLC0415

        protocol = ALL[options.protocol]
        print(page(protocol) if options.page else mermaid(protocol), end="" if options.page else "\n")
        return EXIT_OK
    return _run(options)


def _list_of(choices: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        for part in parts:
            if part not in choices:
                raise argparse.ArgumentTypeError(f"{part!r} is none of {', '.join(choices)}")
        return parts

    return read


def _run(options: argparse.Namespace) -> int:
    from secc.errors import ConfigError, StartError  # noqa: PLC0415 - each command loads what it needs
    from secc.run import run  # noqa: PLC0415

    given = vars(options)
    keys = [key for _, key, _, _ in (*_TEXT_FLAGS, *_LIST_FLAGS)]
    keys += [key for _, key, _ in (*_ON_FLAGS, *_OFF_FLAGS)]
    keys.append("network.protocols")
    changes = {key: given[key] for key in keys if given[key] is not None}
    try:
        run(options.config, changes, as_json=options.json, verbose=options.verbose)
    except (ConfigError, StartError) as error:
        print(f"secc: {error}", file=sys.stderr)
        return error.exit_code
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
