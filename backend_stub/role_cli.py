"""The commands by which a shell acts as a role: their arguments and examples, nothing heavy."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Client = Callable[[Callable[[], None]], int]
"""Runs what acts on a running market, and returns the exit code."""

REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")

_OEM = """\
examples:
  backend-stub oem build --out car
  backend-stub oem build --count 20 --region eu --out cars --json
  backend-stub oem rekey --vehicle car
  backend-stub oem rekey --vehicle car --new-pcid
  backend-stub oem code --pcid PNC4XF0EJ21CJ6T2S
  backend-stub oem list --market lab/market.toml --provider b
"""
_MSP = """\
examples:
  backend-stub msp onboard --vehicle car
  backend-stub msp onboard --pcid PNC4XF0EJ21CJ6T2S --code 7K4P-XM2D-9TWA-35HB
  backend-stub msp onboard --registration "B-PN 2026" --document 2M9C-PRTK-W44X-8HSV --json
  backend-stub msp renew DEPNC1A2B3C4D5U
  backend-stub msp terminate DEPNC1A2B3C4D5U --reason keyCompromise
  backend-stub msp terminate --file emaids.txt
  backend-stub msp list --pcid PNC4XF0EJ21CJ6T2S
"""
_REGISTER = """\
examples:
  backend-stub register add --number "B-PN 2026" --vin PNCAB1230XY000042 --pcid PNC4XF0EJ21CJ6T2S --keeper "A. Fahrer"
  backend-stub register find --number "B-PN 2026" --json
"""
_POOLS = """\
examples:
  backend-stub rcp list --type v2g
  backend-stub rcp list --type mo --out roots/mo        # as a charger reads them
  backend-stub pcp show PNC4XF0EJ21CJ6T2S
  backend-stub ccp list --pcid PNC4XF0EJ21CJ6T2S --json
  backend-stub ccp default PNC4XF0EJ21CJ6T2S DEPNC1A2B3C4D5U
  backend-stub cps signers
"""
_MARKET = """\
examples:
  backend-stub market init --out lab --providers 3
  backend-stub serve --market lab/market.toml
  backend-stub market show --market lab/market.toml
  backend-stub market show --url http://127.0.0.1:8080 --json
"""


class RoleCommands:
    """Adds the commands to a parser; ``client`` runs them, ``common`` adds what all of them have."""

    def __init__(
        self, commands: Any, client: Client, common: Callable[[argparse.ArgumentParser], None]
    ) -> None:
        self._commands = commands
        self._client = client
        self._common = common

    def add(self) -> None:
        """Add everything."""
        self._oem()
        self._msp()
        self._register()
        self._pools()

    def _oem(self) -> None:
        oem = self._group("oem", "act as the car maker", _OEM)
        build = self._action(oem, "build", "build cars: PCID, key, provisioning certificate, V2G roots", _OEM)
        build.add_argument("--out", type=Path, required=True, metavar="DIR", help="vehicle folder to make")
        build.add_argument(
            "--count", type=int, default=1, help="a series: folders car-0001 and so on below --out"
        )
        build.add_argument("--region", help="where they are sold, which decides the V2G roots they hold")
        build.add_argument("--vin", help="vehicle identification number (default: a new one)")
        build.add_argument(
            "--editions", help="iso2, or iso2,iso20: what they speak (default: all that the maker has)"
        )
        for name, default, text in (
            ("--capacity-wh", 60_000.0, "usable battery capacity"),
            ("--energy-wh", 30_000.0, "what is in it"),
            ("--max-power-w", 11_000.0, "charging power limit"),
        ):
            build.add_argument(name, type=float, default=default, help=f"{text} (default: %(default)s)")
        build.set_defaults(run=self._run(_build))
        rekey = self._action(oem, "rekey", "replace a car's key; deletes its contracts", _OEM)
        _vehicle(rekey, required=True)
        rekey.add_argument("--new-pcid", action="store_true", help="give the car a new PCID as well")
        rekey.set_defaults(run=self._run(_rekey))
        code = self._action(oem, "code", "give out a one-time code for one more contract", _OEM)
        code.add_argument("--pcid", required=True, help="the car")
        code.set_defaults(run=self._run(_code))
        listing = self._action(oem, "list", "list the newest cars", _OEM)
        _limit(listing)
        listing.set_defaults(run=self._run(_vehicles))

    def _msp(self) -> None:
        msp = self._group("msp", "act as the mobility service provider", _MSP)
        onboard = self._action(msp, "onboard", "make a contract for a car", _MSP)
        onboard.add_argument("--pcid", help="the car that the contract is for")
        onboard.add_argument("--vin", help="the car, by its VIN in the vehicle register")
        onboard.add_argument("--registration", metavar="NUMBER", help="the car, by its registration number")
        _vehicle(onboard, required=False)
        onboard.add_argument(
            "--code", help="proof: the car maker's one-time code (default: that of --vehicle)"
        )
        onboard.add_argument("--document", help="proof: the reference of the keeper's document")
        onboard.add_argument(
            "--edition",
            help="iso2, iso20 or both with a comma: make it for these only (default: all that the car speaks)",
        )
        onboard.set_defaults(run=self._run(_onboard))
        renew = self._action(msp, "renew", "give a contract a new key and certificate", _MSP)
        renew.add_argument("emaid", metavar="EMAID")
        renew.set_defaults(run=self._run(_renew))
        end = self._action(msp, "terminate", "end a contract: revoke it, remove it from every pool", _MSP)
        which = end.add_mutually_exclusive_group(required=True)
        which.add_argument("emaid", metavar="EMAID", nargs="?")
        which.add_argument(
            "--file", metavar="FILE", help="eMAIDs, one a line, of which all end; - for standard input"
        )
        end.add_argument(
            "--reason", choices=REASONS, default="cessationOfOperation", help="default: %(default)s"
        )
        end.set_defaults(run=self._run(_terminate))
        show = self._action(msp, "show", "show a contract", _MSP)
        show.add_argument("emaid", metavar="EMAID")
        show.set_defaults(run=self._run(_contract))
        listing = self._action(msp, "list", "list the newest contracts, or those of a car", _MSP)
        listing.add_argument("--pcid", help="of this car only")
        _limit(listing)
        listing.set_defaults(run=self._run(_books))

    def _register(self) -> None:
        register = self._group("register", "act as the national vehicle register", _REGISTER)
        add = self._action(register, "add", "register a car; prints the keeper's document", _REGISTER)
        for name, text in (
            ("--number", "registration number"),
            ("--vin", "vehicle identification number"),
            ("--pcid", "provisioning certificate identifier"),
            ("--keeper", "who keeps the car"),
        ):
            add.add_argument(name, required=True, help=text)
        add.set_defaults(run=self._run(_register))
        find = self._action(register, "find", "find a car by its number or VIN", _REGISTER)
        which = find.add_mutually_exclusive_group(required=True)
        which.add_argument("--number", help="registration number")
        which.add_argument("--vin", help="vehicle identification number")
        find.set_defaults(run=self._run(_find))

    def _pools(self) -> None:
        rcp = self._group("rcp", "look into the root certificate pool", _POOLS)
        roots = self._action(rcp, "list", "list the roots, or write them to a folder", _POOLS)
        roots.add_argument(
            "--type", choices=("v2g", "oem", "mo"), dest="root_type", help="of this branch only"
        )
        roots.add_argument("--out", type=Path, metavar="DIR", help="write them there as PEM files")
        roots.set_defaults(run=self._run(_roots))
        pcp = self._group("pcp", "look into the provisioning certificate pool", _POOLS)
        for name, run, text in (
            ("show", _car, "show a car's entry"),
            ("delete", _drop_car, "withdraw a car"),
        ):
            action = self._action(pcp, name, text, _POOLS)
            action.add_argument("pcid", metavar="PCID")
            action.set_defaults(run=self._run(run))
        ccp = self._group("ccp", "look after the contract certificate pool", _POOLS)
        listing = self._action(ccp, "list", "list the contracts of a car, or one contract", _POOLS)
        listing.add_argument("--pcid", help="all of this car")
        listing.add_argument("--emaid", help="this one")
        listing.set_defaults(run=self._run(_pooled))
        default = self._action(ccp, "default", "choose what a car is given at chargers", _POOLS)
        default.add_argument("pcid", metavar="PCID")
        default.add_argument("emaid", metavar="EMAID")
        default.set_defaults(run=self._run(_default))
        delete = self._action(ccp, "delete", "remove a contract", _POOLS)
        delete.add_argument("emaid", metavar="EMAID")
        delete.set_defaults(run=self._run(_drop))
        cps = self._group("cps", "look at the certificate provisioning service", _POOLS)
        signers = self._action(cps, "signers", "list the certificates it signs with", _POOLS)
        signers.set_defaults(run=self._run(_signers))

    def _group(self, name: str, text: str, examples: str) -> Any:
        parser = self._commands.add_parser(
            name, help=text, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        return parser.add_subparsers(required=True, metavar="ACTION")

    def _action(self, group: Any, name: str, text: str, examples: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = group.add_parser(
            name, help=text, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self._common(parser)
        return parser

    def _run(self, command: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], int]:
        return lambda options: self._client(lambda: command(options))


def add_market(market: Any, client: Client, common: Callable[[argparse.ArgumentParser], None]) -> None:
    """Add the actions of ``market`` that make one and show it."""
    init = market.add_parser(
        "init",
        help="make a market of several providers, ready to be served",
        epilog=_MARKET,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    init.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder")
    init.add_argument("--providers", type=int, default=3, help="how many (default: %(default)s)")
    init.add_argument("--host", default="127.0.0.1", help="where they listen (default: %(default)s)")
    init.add_argument(
        "--base-port",
        type=int,
        default=8081,
        help="port of the first; the next is ten up (default: %(default)s)",
    )
    init.add_argument("--json", action="store_true", help="print JSON")
    init.set_defaults(run=lambda options: client(lambda: _init(options)))
    show = market.add_parser(
        "show",
        help="list vehicles, contracts, roots and signers, of one provider or of all",
        epilog=_MARKET,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common(show)
    _limit(show)
    show.set_defaults(run=lambda options: client(lambda: _show(options)))


def _vehicle(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "--vehicle", type=Path, required=required, metavar="DIR", help="a folder that `oem build` made"
    )


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=50, help="how many, newest first (default: %(default)s)")


# --- what runs: imported when it does --------------------------------------------------------------------


def address(options: argparse.Namespace) -> str:
    """Return the address of the one provider that a command is for; raises UsageError."""
    from backend_stub.addresses import one_address  # noqa: PLC0415 - see above

    return one_address(options.url, options.market, options.provider)


def _build(options: argparse.Namespace) -> None:
    from backend_stub.commands import Battery, Series, build  # noqa: PLC0415 - imported when it runs

    battery = Battery(options.capacity_wh, options.energy_wh, options.max_power_w)
    series = Series(options.count, options.region, options.vin, _names(options.editions))
    build(address(options), options.ca, options.out, battery, as_json=options.json, series=series)


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text else []


def _rekey(options: argparse.Namespace) -> None:
    from backend_stub.commands import rekey  # noqa: PLC0415 - imported when it runs

    rekey(address(options), options.ca, options.vehicle, new_pcid=options.new_pcid, as_json=options.json)


def _code(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import new_code  # noqa: PLC0415 - imported when it runs

    new_code(address(options), options.ca, options.pcid, as_json=options.json)


def _vehicles(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import list_vehicles  # noqa: PLC0415 - imported when it runs

    list_vehicles(address(options), options.ca, options.limit, as_json=options.json)


def _onboard(options: argparse.Namespace) -> None:
    from backend_stub.msp_commands import Wish, onboard  # noqa: PLC0415 - imported when it runs

    wish = Wish(
        options.pcid,
        options.vin,
        options.registration,
        options.vehicle,
        options.code,
        options.document,
        _names(options.edition),
    )
    onboard(address(options), options.ca, wish, as_json=options.json)


def _renew(options: argparse.Namespace) -> None:
    from backend_stub.msp_commands import renew  # noqa: PLC0415 - imported when it runs

    renew(address(options), options.ca, options.emaid, as_json=options.json)


def _terminate(options: argparse.Namespace) -> None:
    if options.file is not None:
        from backend_stub.authority_commands import end_contracts  # noqa: PLC0415 - imported when it runs

        end_contracts(address(options), options.ca, options.file, options.reason, as_json=options.json)
        return
    from backend_stub.msp_commands import terminate  # noqa: PLC0415 - imported when it runs

    terminate(address(options), options.ca, options.emaid, options.reason, as_json=options.json)


def _contract(options: argparse.Namespace) -> None:
    from backend_stub.msp_commands import show_contract  # noqa: PLC0415 - imported when it runs

    show_contract(address(options), options.ca, options.emaid, as_json=options.json)


def _books(options: argparse.Namespace) -> None:
    from backend_stub.msp_commands import list_contracts  # noqa: PLC0415 - imported when it runs

    list_contracts(address(options), options.ca, options.pcid, options.limit, as_json=options.json)


def _register(options: argparse.Namespace) -> None:
    from backend_stub.msp_commands import register_car  # noqa: PLC0415 - imported when it runs

    names = ("number", "vin", "pcid", "keeper")
    entry = {name: getattr(options, name) for name in names}
    register_car(address(options), options.ca, entry, as_json=options.json)


def _find(options: argparse.Namespace) -> None:
    from backend_stub.msp_commands import find_car  # noqa: PLC0415 - imported when it runs

    name = {"vin": options.vin} if options.number is None else {"number": options.number}
    find_car(address(options), options.ca, name, as_json=options.json)


def _roots(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import list_roots  # noqa: PLC0415 - imported when it runs

    list_roots(address(options), options.ca, options.root_type, options.out, as_json=options.json)


def _car(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import show_car  # noqa: PLC0415 - imported when it runs

    show_car(address(options), options.ca, options.pcid, as_json=options.json)


def _drop_car(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import delete_car  # noqa: PLC0415 - imported when it runs

    delete_car(address(options), options.ca, options.pcid, as_json=options.json)


def _pooled(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import list_contracts  # noqa: PLC0415 - imported when it runs

    list_contracts(address(options), options.ca, pcid=options.pcid, emaid=options.emaid, as_json=options.json)


def _default(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import choose_default  # noqa: PLC0415 - imported when it runs

    choose_default(address(options), options.ca, options.pcid, options.emaid, as_json=options.json)


def _drop(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import delete_contract  # noqa: PLC0415 - imported when it runs

    delete_contract(address(options), options.ca, options.emaid, as_json=options.json)


def _signers(options: argparse.Namespace) -> None:
    from backend_stub.pool_commands import list_signers  # noqa: PLC0415 - imported when it runs

    list_signers(address(options), options.ca, as_json=options.json)


def _init(options: argparse.Namespace) -> None:
    from backend_stub.market_commands import init  # noqa: PLC0415 - imported when it runs

    init(options.out, options.providers, options.host, options.base_port, as_json=options.json)


def _show(options: argparse.Namespace) -> None:
    from backend_stub.addresses import all_addresses  # noqa: PLC0415 - imported when it runs
    from backend_stub.commands import show  # noqa: PLC0415 - imported when it runs

    urls = all_addresses(options.url, options.market, options.provider)
    show(urls, options.ca, options.limit, as_json=options.json)
