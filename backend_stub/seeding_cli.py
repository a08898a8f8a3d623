"""The arguments of ``backend-stub market seed``; nothing heavy."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

_EXAMPLES = """\
Everything is real: certificates, sealed keys, bundles signed by the CPS. The same --seed gives the same PCIDs and
eMAIDs. A run that was interrupted goes on where it stopped when it is started again. No events are recorded: the
market looks as it would long after.

examples:
  backend-stub market seed --pki pki --database market.db --vehicles 100000
  backend-stub market seed --pki pki --database postgresql://market@db.example/market --vehicles 100000
  backend-stub market seed --market lab/market.toml --provider a --vehicles 2000 --folders 10 --out cars
  backend-stub market seed --pki pki --database market.db --vehicles 500 --seed 7 --json
"""


def add_seed(market: Any, serve: Callable[[Callable[[], None]], int]) -> None:
    """Add the action; ``serve`` runs what works on a database itself, and returns the exit code."""
    parser = market.add_parser(
        "seed",
        help="fill a market with cars and contracts by the thousand",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "--pki", type=Path, metavar="DIR", help="certificate folder of a market of one provider"
    )
    place.add_argument("--market", type=Path, metavar="FILE", help="a market as its description says")
    parser.add_argument(
        "--provider", metavar="NAME", help="with --market: which provider's cars and contracts"
    )
    parser.add_argument(
        "--region", help="with --market: where the cars are sold (default: the maker's default)"
    )
    parser.add_argument(
        "--database",
        metavar="FILE|URL",
        help="with --pki: SQLite file, made if it is not there, or postgresql://USER@HOST/NAME",
    )
    parser.add_argument(
        "--public-url",
        default="",
        metavar="URL",
        help="with --pki: as for `serve`, where revocation is asked for",
    )
    parser.add_argument(
        "--vehicles", type=int, required=True, metavar="N", help="how many cars there are to be"
    )
    parser.add_argument(
        "--contracts-per-vehicle", type=int, default=3, metavar="N", help="0 to 8 (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="decides all names (default: %(default)s)")
    parser.add_argument(
        "--folders", type=int, default=0, metavar="N", help="vehicle folders for the first N cars"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the vehicle folders go")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--json", action="store_true", help="lines of JSON in place of a bar")
    parser.set_defaults(run=lambda options: serve(lambda: _seed(options)))


def _seed(options: argparse.Namespace) -> None:
    from backend_stub.seeding.command import Settings, run  # noqa: PLC0415 - imported when it runs

    run(
        Settings(
            pki=options.pki,
            database=options.database,
            market=options.market,
            provider=options.provider,
            region=options.region,
            public_url=options.public_url,
            vehicles=options.vehicles,
            contracts_per_vehicle=options.contracts_per_vehicle,
            seed=options.seed,
            workers=options.workers,
            folders=options.folders,
            out=options.out,
            json=options.json,
        )
    )
