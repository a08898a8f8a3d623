"""The command ``evcc``. Each subcommand loads what it needs, so that the first message leaves soon."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evcc.errors import ConfigError, ContractStoreDamagedError, ContractStoreError
from evcc.exit_codes import EXIT_CODES, ExitCode
from v2g.net.process import ends_when_the_reader_leaves

_EXAMPLES = """\
examples:
  evcc run --vehicle car
      look for a charger on the first usable interface; install a contract if there is none; charge
  evcc run --vehicle car --connect [::1]:61341 --rounds 5 --interval 0.2
      no discovery, a quick charge
  evcc run --vehicle car --connect 127.0.0.1:61341 --no-tls --payment external
      plain TCP, the driver identifies himself at the charger
  evcc run --vehicle car --protocols iso20-dc,iso2 --control dynamic --bidirectional
      ISO 15118-20 DC if the charger has it, else -2; the charger sets the power, in both directions
  evcc run --vehicle car --connect 127.0.0.1:61341 --protocols din
      DIN 70121: DC, without TLS, the driver identifies himself at the charger
  evcc contracts list --vehicle car
"""

_OTA_EXAMPLES = """\
examples:
  evcc ota --vehicle car --telematics http://127.0.0.1:8080
      take in the contracts that are waiting; the address is remembered
  evcc ota --vehicle car --factory-reset
      forget all contracts, as before the car is sold; the pools forget them, and their operators hear of it
  evcc ota --vehicle car --follow
      stay connected, and take in each contract as it comes
  evcc contracts choose DEPNCXXXXXXXXXX --vehicle car
      choose, and tell the backend, which makes it the default in the contract pool

exit codes:
  0 done   2 bad command line, vehicle folder or contract store   4 the backend cannot be reached
  7 it refuses this car   8 it does not answer as a backend does   10 a contract was refused
  12 a contract could not be stored
"""

_REPAIR = "\n  nothing was changed; `evcc contracts repair --vehicle {}` sets aside what is damaged"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    parser = argparse.ArgumentParser(
        prog="evcc",
        description="An ISO 15118 car that installs its Plug & Charge contract at the charger, and charges.",
        epilog=f"{_EXAMPLES}\nexit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands, f"{_EXAMPLES}\nexit codes:\n{codes}")
    _add_contracts(commands)
    _add_ota(commands)
    return parser


def _add_run(commands: Any, epilog: str) -> None:
    run = commands.add_parser(
        "run",
        help="drive up to a charger and charge",
        description="Drive up to a charger and charge. Flags override the configuration file.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("--vehicle", metavar="DIR", type=Path, required=True, help="the vehicle folder")
    run.add_argument("--config", metavar="FILE", type=Path, help="TOML file; see docs/evcc.md for its keys")
    # Each destination that is a dotted key overrides that key of the configuration file.
    run.add_argument(
        "--interface",
        dest="network.interface",
        metavar="IF",
        help="where to look for a charger (default: auto)",
    )
    run.add_argument(
        "--connect", dest="network.connect", metavar="HOST:PORT", help="where the charger is: no discovery"
    )
    run.add_argument(
        "--no-tls",
        dest="network.tls",
        action="store_const",
        const=False,
        help="ask for plain TCP (external payment only)",
    )
    run.add_argument(
        "--payment", dest="payment", metavar="contract|external", help="how to pay (default: contract)"
    )
    run.add_argument(
        "--protocols",
        dest="protocols",
        metavar="LIST",
        type=_listed,
        help="what to speak, the preferred one first: iso20-dc,iso20-ac,iso2,din"
        " (default: in this order, all that the vehicle folder has the certificates for)",
    )
    run.add_argument(
        "--control",
        dest="charging.control",
        metavar="scheduled|dynamic",
        help="-20: who decides about the power, the car within a schedule or the charger (default: scheduled)",
    )
    run.add_argument(
        "--bidirectional",
        dest="charging.bidirectional",
        action="store_const",
        const=True,
        help="-20: prefer a service that can take energy back",
    )
    run.add_argument(
        "--rounds",
        dest="charging.rounds",
        metavar="N",
        type=int,
        help="charging rounds, 0: no limit (default: 10)",
    )
    run.add_argument(
        "--target-soc",
        dest="charging.target_soc_percent",
        metavar="PERCENT",
        type=float,
        help="stop at this state of charge (default: 80)",
    )
    run.add_argument(
        "--interval",
        dest="charging.interval_s",
        metavar="S",
        type=float,
        help="seconds between two rounds of -2 AC (default: 1); elsewhere see loop_interval_s",
    )
    run.add_argument(
        "--sessions",
        metavar="N",
        type=_positive,
        default=1,
        help="sessions to run one after another (default: 1)",
    )
    run.add_argument("--trace", metavar="FILE", type=Path, help="append the trace to FILE (JSON lines)")
    run.add_argument(
        "--capture", metavar="FILE", type=Path, help="write a capture with the TLS keys inside (pcapng)"
    )
    run.add_argument("--json", action="store_true", help="print nothing but one summary per session as JSON")


def _add_contracts(commands: Any) -> None:
    contracts = commands.add_parser("contracts", help="look after the contracts of a car")
    actions = contracts.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text, takes_emaid in (
        ("list", "list the contracts, the chosen one marked", False),
        ("choose", "choose the contract to charge with", True),
        ("remove", "remove a contract and its private key", True),
        ("repair", "make a damaged store usable again; what is damaged is set aside", False),
    ):
        action = actions.add_parser(name, help=text, description=text)
        if name == "choose":
            action.add_argument(
                "--telematics",
                metavar="URL",
                default="",
                help="the car maker's backend, which is told (default: that of `evcc ota`)",
            )
            action.add_argument("--ca", metavar="FILE", type=Path, help="roots to trust for https (PEM)")
        if takes_emaid:
            action.add_argument("emaid", metavar="EMAID", help="with or without separators")
        action.add_argument(
            "--generation",
            metavar="iso2|iso20",
            choices=("iso2", "iso20"),
            help="only the contracts of ISO 15118-2, or of -20 (default: both)",
        )
        action.add_argument("--vehicle", metavar="DIR", type=Path, required=True, help="the vehicle folder")
        action.add_argument("--json", action="store_true", help="print JSON")


def _add_ota(commands: Any) -> None:
    ota = commands.add_parser(
        "ota",
        help="take in contracts over the air, without a charger",
        description="Ask the car maker's telematics backend for contracts, and remove those that have ended.",
        epilog=_OTA_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ota.add_argument("--vehicle", metavar="DIR", type=Path, required=True, help="the vehicle folder")
    ota.add_argument(
        "--telematics", metavar="URL", default="", help="where the backend is; needed the first time only"
    )
    ota.add_argument("--ca", metavar="FILE", type=Path, help="roots to trust for an https URL (PEM)")
    how = ota.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="look once and end (the default)")
    how.add_argument("--follow", action="store_true", help="stay, and take in each contract as it comes")
    how.add_argument(
        "--again", action="store_true", help="ask once more for all that this car should have: it lost it"
    )
    how.add_argument(
        "--factory-reset", action="store_true", help="forget all contracts, and have the market forget them"
    )
    ota.add_argument("--config", metavar="FILE", type=Path, help="TOML file; see docs/evcc.md for its keys")
    ota.add_argument("--trace", metavar="FILE", type=Path, help="append the trace to FILE (JSON lines)")
    ota.add_argument("--json", action="store_true", help="print nothing but one JSON object for each look")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not a positive number")
    return number


@ends_when_the_reader_leaves
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    arguments = build_parser().parse_args(argv)
    try:
        return _COMMANDS[arguments.command](arguments)
    except ConfigError as error:
        print(f"evcc: {error}", file=sys.stderr)
        return ExitCode.CONFIGURATION
    except ContractStoreError as error:
        hint = _REPAIR.format(arguments.vehicle) if isinstance(error, ContractStoreDamagedError) else ""
        print(f"evcc: {error}{hint}", file=sys.stderr)
        return ExitCode.CONFIGURATION
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
    from evcc.run import Options, run  # noqa: PLC0415 - each subcommand loads what it needs

    given = vars(arguments)
    overrides = {
        key: value
        for key, value in given.items()
        if value is not None and (key in {"payment", "protocols"} or "." in key)
    }
    options = Options(
        vehicle=arguments.vehicle,
        config=arguments.config,
        overrides=overrides,
        trace=arguments.trace,
        capture=arguments.capture,
        sessions=arguments.sessions,
        as_json=arguments.json,
    )
    return run(options)


def _contracts(arguments: argparse.Namespace) -> int:
    from evcc import contracts_cli  # noqa: PLC0415 - each subcommand loads what it needs

    return contracts_cli.run(arguments)


def _ota(arguments: argparse.Namespace) -> int:
    from evcc import ota_cli  # noqa: PLC0415 - each subcommand loads what it needs

    return ota_cli.run(arguments)


_COMMANDS = {"run": _run, "contracts": _contracts, "ota": _ota}


if __name__ == "__main__":
    sys.exit(main())
