"""``backend-stub``: run the market, or act as one of its roles from the shell.

Nothing heavy is imported before the command is known, so that ``--help`` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backend_stub import authority_cli, path_a_cli, role_cli, seeding_cli
from v2g.net.process import ends_when_the_reader_leaves

EXIT_OK = 0
EXIT_UNEXPECTED = 1
EXIT_CONFIG = 2
EXIT_UNREACHABLE = 3
EXIT_UNKNOWN_PCID = 4
EXIT_REFUSED = 5
EXIT_DATABASE = 6
EXIT_ADDRESS = 7
EXIT_ENTITLEMENT = 8
EXIT_NO_CONTRACT = 9
EXIT_PEER = 10
EXIT_INTERRUPTED = 130

_CREDENTIALS = "PNCLAB_CREDENTIALS"
_DEFAULT_URL = "http://127.0.0.1:8080"
_EXIT_CODES = """\
exit codes:
  0  done (serve: ended by SIGINT or SIGTERM)
  1  unexpected failure
  2  wrong usage, certificate folder incomplete, or a file that cannot be read or written
  3  no market can be reached at the URL
  4  the market does not know the PCID
  5  the market refused, or answered something that is not a market's answer
  6  the database is locked, not writable, not a database, of a newer version, or does not answer
  7  the address to listen at is taken or not ours
  8  the proof that the driver may have a contract for this car is missing, wrong or used up
  9  there is no such contract
  10  another provider that is needed cannot be reached
  130  interrupted before the work was done
"""


@ends_when_the_reader_leaves
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    if getattr(options, "credentials", None) is not None and options.run is not _client:
        os.environ[_CREDENTIALS] = str(options.credentials)  # where every client of the doors looks
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="backend-stub",
        description="The Plug & Charge contract market: OEM, MSP, CPS and the certificate pools in one process.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands.add_parser("serve", help="run the market as an HTTP server"))
    _add_client(commands.add_parser("client", help="say who may use a market"))
    role_cli.RoleCommands(commands, _as_client, _add_client_options).add()
    path_a_cli.add_events(
        commands.add_parser("events", help="what happens in the market, and who is told"),
        _as_client,
        _add_client_options,
    )
    path_a_cli.add_telematics(
        commands.add_parser("telematics", help="contracts on their way to cars over the air"),
        _as_client,
        _add_client_options,
        _serve_telematics,
    )
    authority_cli.add(
        commands.add_parser("authority", help="revoke certificates, look them up, have them issued"),
        _as_client,
        _add_client_options,
    )
    _add_database(commands.add_parser("database", help="look at a market's tables, bring them up to date"))
    market = commands.add_parser("market", help="make a market, fill it, look at it").add_subparsers(
        required=True, metavar="ACTION"
    )
    role_cli.add_market(market, _as_client, _add_client_options)
    seeding_cli.add_seed(market, _as_server)
    return parser


_SERVE_EXAMPLES = """\
examples:
  backend-stub serve --pki pki --database market.db
  backend-stub serve --market lab/market.toml                  # all providers in one process
  backend-stub serve --market lab/market.toml --provider a     # one provider a process
  backend-stub serve --market lab/market.toml --provider a --role ccp      # one role a process …
  backend-stub serve --market lab/market.toml --provider a --role doors    # … behind one address
"""


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _SERVE_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--pki",
        type=Path,
        metavar="DIR",
        help="a market of one provider: certificate folder made by `pnclab pki init --out DIR`",
    )
    source.add_argument(
        "--market",
        type=Path,
        metavar="FILE",
        help="a market as its description says: `market init` makes one",
    )
    parser.add_argument(
        "--provider", action="append", default=[], help="with --market: only this one; repeatable"
    )
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        choices=("rcp", "pcp", "ccp", "cps", "oem", "msp", "register", "doors"),
        help="with --provider: only this role, the others in processes of their own; repeatable. `doors` is the "
        "process at the provider's address, where no role runs",
    )
    _add_database_option(parser, required=False)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: %(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8080, help="port to listen at, 0 for any (default: %(default)s)"
    )
    parser.add_argument(
        "--clients",
        type=Path,
        metavar="FILE",
        help="close the market to all but these clients (see `client add`); without it, it is open and "
        "serves loopback addresses only",
    )
    parser.add_argument(
        "--rate",
        type=float,
        metavar="N",
        help="requests a second that a client may make (default: 200 with --clients)",
    )
    parser.add_argument(
        "--strict-opnc", action="store_true", help="refuse what the letter of OPNC's schemas does not admit"
    )
    parser.add_argument(
        "--public-url",
        default="",
        metavar="URL",
        help="where others reach this market, or `own` for where it listens: certificates then say that their "
        "revocation can be asked for there",
    )
    parser.add_argument("--trace", type=Path, metavar="FILE", help="append trace events to this JSONL file")
    parser.add_argument("--json", action="store_true", help="print the ready line as a JSON object")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what helps to find a fault")
    parser.set_defaults(run=_serve)


_CLIENT_EXAMPLES = """\
examples:
  backend-stub client add --clients clients.json --role msp --id DEPNC --credentials msp.json
  backend-stub client add --clients clients.json --role cpo --id DEABC --scope ccp:ask --json
  backend-stub client list --clients clients.json
  backend-stub serve --pki pki --database market.db --clients clients.json
  backend-stub msp onboard --credentials msp.json --pcid PNC4XF0EJ21CJ6T2S

Roles and their identifiers: oem WMI, msp country and provider id, cpo country and operator id, cps and peer the
SHA-256 of their V2G root, admin any name.
"""


def _add_client(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, help_text in (
        ("add", "add a client; its secret is shown or written once"),
        ("list", "list the clients"),
        ("remove", "remove a client, and with it the use of its tokens"),
    ):
        action = actions.add_parser(
            name,
            help=help_text,
            epilog=_CLIENT_EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.add_argument(
            "--clients", type=Path, required=True, metavar="FILE", help="the market's file of clients"
        )
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(run=_client, action=name)
        if name == "add":
            action.add_argument(
                "--role",
                required=True,
                choices=("oem", "msp", "cpo", "cps", "peer", "admin"),
                help="what it is",
            )
            action.add_argument("--id", required=True, metavar="ID", help="its identifier in that role")
            action.add_argument("--name", metavar="CLIENT_ID", help="its client_id (default: made up)")
            action.add_argument(
                "--scope", action="append", default=[], help="give it this right only; repeatable"
            )
            action.add_argument(
                "--credentials", type=Path, metavar="FILE", help="write id and secret to this new file (JSON)"
            )
            action.add_argument(
                "--secret-file", type=Path, metavar="FILE", help="write the bare secret to this new file"
            )
        elif name == "remove":
            action.add_argument("client_id", help="which")


def _add_database_option(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    parser.add_argument(
        "--database",
        required=required,
        metavar="FILE|URL",
        help="SQLite file, made if it is not there, or postgresql://USER@HOST/NAME "
        "(a password belongs into ~/.pgpass, not here)",
    )


def _add_database(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, help_text, epilog in (
        (
            "status",
            "tell which revision the tables have",
            "example:\n  backend-stub database status --database market.sqlite\n",
        ),
        (
            "upgrade",
            "make the tables, or bring them up to date",
            (
                "`serve` does the same when it starts. Make a copy of the database first: there is no way back.\n\n"
                "example:\n  backend-stub database upgrade --database postgresql://market@db.example/market\n"
            ),
        ),
    ):
        action = actions.add_parser(
            name, help=help_text, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        _add_database_option(action)
        action.add_argument("--json", action="store_true", help="print a JSON object")
        action.set_defaults(run=_database, action=name)


def _add_client_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help=f"where the market serves (default: {_DEFAULT_URL})")
    parser.add_argument(
        "--market", type=Path, metavar="FILE", help="instead: the market's description, and …"
    )
    parser.add_argument("--provider", metavar="NAME", help="… which of its providers is meant")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="roots to trust for an https URL (PEM)")
    parser.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help=f"who we are, where the market is closed: what `client add --credentials` wrote (default: ${_CREDENTIALS})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 0xFFFF:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number (0 to 65535)")
    return port


def _serve(options: argparse.Namespace) -> int:
    return _serve_market(options) if options.market is not None else _serve_one(options)


def _serve_market(options: argparse.Namespace) -> int:
    from backend_stub.serve_market import MarketSettings, run  # noqa: PLC0415 - see above

    if options.database is not None or options.clients is not None:
        return _fail(EXIT_CONFIG, "--database and --clients stand in the description of a market")
    settings = MarketSettings(
        market=options.market,
        providers=tuple(options.provider),
        roles=tuple(options.role),
        trace=options.trace,
        json=options.json,
        verbose=options.verbose,
    )
    return _as_server(lambda: run(settings))


def _serve_one(options: argparse.Namespace) -> int:
    from backend_stub.access.settings import from_options  # noqa: PLC0415 - see above
    from backend_stub.serve import Settings, run  # noqa: PLC0415 - see above

    if options.database is None:
        return _fail(EXIT_CONFIG, "--pki needs --database FILE")
    if options.provider or options.role:
        return _fail(EXIT_CONFIG, "--provider and --role need --market FILE")

    def serve() -> None:
        run(
            Settings(
                pki=options.pki,
                database=options.database,
                host=options.host,
                port=options.port,
                trace=options.trace,
                json=options.json,
                verbose=options.verbose,
                public_url=options.public_url,
                access=from_options(options.clients, options.rate, strict_opnc=options.strict_opnc),
            )
        )

    return _as_server(serve)


def _serve_telematics(options: argparse.Namespace) -> int:
    from backend_stub.telematics.process import Mode, Settings, run  # noqa: PLC0415 - see above

    settings = Settings(
        market=options.market,
        database=options.database,
        host=options.host,
        port=options.port,
        mode=Mode(options.mode),
        poll_s=options.poll_s,
        wmi=options.wmi.upper(),
        public_url=options.public_url,
        ca=options.ca,
        trace=options.trace,
        json=options.json,
        verbose=options.verbose,
    )
    return _as_server(lambda: run(settings))


def _as_server(serve: Callable[[], None]) -> int:
    from backend_stub.access.clients import AccessError  # noqa: PLC0415 - see above
    from backend_stub.client import UsageError  # noqa: PLC0415 - see above
    from backend_stub.description import DescriptionError  # noqa: PLC0415 - see above
    from backend_stub.errors import (  # noqa: PLC0415 - see above
        AddressError,
        DatabaseError,
        MarketError,
        PkiFolderError,
    )

    try:
        serve()
    except (DatabaseError, MarketError) as error:
        return _fail(EXIT_DATABASE, error)
    except AddressError as error:
        return _fail(EXIT_ADDRESS, error)
    except (DescriptionError, PkiFolderError, UsageError, AccessError) as error:
        return _fail(EXIT_CONFIG, error)
    except OSError as error:
        return _fail(EXIT_CONFIG, f"{error.filename}: {error.strerror}" if error.filename else error)
    return EXIT_OK


def _client(options: argparse.Namespace) -> int:
    from backend_stub import client_cli  # noqa: PLC0415 - see above
    from backend_stub.access.clients import AccessError  # noqa: PLC0415 - see above

    try:
        if options.action == "add":
            new = client_cli.NewClient(
                role=options.role,
                identifier=options.id,
                client_id=options.name,
                scopes=tuple(options.scope),
                credentials=options.credentials,
                secret_file=options.secret_file,
            )
            client_cli.add(options.clients, new, as_json=options.json)
        elif options.action == "remove":
            client_cli.remove(options.clients, options.client_id, as_json=options.json)
        else:
            client_cli.show(options.clients, as_json=options.json)
    except AccessError as error:
        return _fail(EXIT_CONFIG, error)
    return EXIT_OK


def _database(options: argparse.Namespace) -> int:
    from backend_stub import database_cli  # noqa: PLC0415 - see above
    from backend_stub.errors import DatabaseError  # noqa: PLC0415 - see above

    run = database_cli.upgrade if options.action == "upgrade" else database_cli.show_status
    try:
        run(options.database, as_json=options.json)
    except DatabaseError as error:
        return _fail(EXIT_DATABASE, error)
    return EXIT_OK


def _as_client(command: Callable[[], None]) -> int:
    from backend_stub.client import RefusedError, UnreachableError, UsageError  # noqa: PLC0415 - see above

    try:
        command()
    except UsageError as error:
        return _fail(EXIT_CONFIG, error)
    except UnreachableError as error:
        return _fail(EXIT_UNREACHABLE, error)
    except RefusedError as error:
        return _fail(_exit_code(error.code), error)
    return EXIT_OK


def _exit_code(code: str) -> int:
    return {
        "UNKNOWN_PCID": EXIT_UNKNOWN_PCID,
        "ENTITLEMENT": EXIT_ENTITLEMENT,
        "NO_CONTRACT": EXIT_NO_CONTRACT,
        "PEER": EXIT_PEER,
    }.get(code, EXIT_REFUSED)


def _fail(code: int, reason: object) -> int:
    print(f"backend-stub: {reason}", file=sys.stderr)
    return code
