"""The commands ``pki init`` and ``pki show``: make a certificate folder, and look into one."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from pki import chain
from pki.entropy import SeededEntropy, SystemEntropy
from pki.errors import CertificateError, PkiError
from pki.hierarchy import ISO20_FOLDER, Hierarchy, init_folder
from pki.issuing import DEFAULT_ORGANIZATION
from pki.names import fingerprint_sha256
from pki.profiles import Edition

EXIT_BAD_INPUT = 2

_SUITES = {edition.key_type.value: edition for edition in Edition if edition is not Edition.ISO2}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``pki`` with its commands. The chosen one stands in ``args.run``: Namespace → exit code."""
    parser = subparsers.add_parser("pki", help="make and show certificate hierarchies")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    init = commands.add_parser(
        "init",
        help="make roots, sub-CAs, charger and provisioning service certificates",
        description="Make the V2G, CPO, CPS, OEM and MO branches as PEM and DER files with their keys: those "
        "of ISO 15118-2, and in the folder iso20 inside those of ISO 15118-20.",
        epilog="example: pnclab pki init --out pki --suite ed448",
    )
    init.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder to make")
    init.add_argument(
        "--organization",
        default=DEFAULT_ORGANIZATION,
        metavar="NAME",
        help="the O of every subject (default: %(default)s)",
    )
    init.add_argument(
        "--suite",
        choices=sorted(_SUITES),
        default="secp521r1",
        help="the keys of the ISO 15118-20 certificates (default: %(default)s)",
    )
    init.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="make the same keys every time; for tests, such keys are no secret",
    )
    init.add_argument("--force", action="store_true", help="replace a certificate folder, keys included")
    init.set_defaults(run=run_init)

    show = commands.add_parser("show", help="print a certificate folder as a tree, and judge its chains")
    show.add_argument("directory", type=Path, metavar="DIR", help="a folder that `pki init` made")
    show.add_argument("--json", action="store_true", help="print JSON instead of a tree")
    show.set_defaults(run=run_show)


def run_init(args: argparse.Namespace, now: datetime | None = None) -> int:
    """Make a certificate folder. Returns 0, or 2 after a message about what was wrong with the input."""
    try:
        made = init_folder(
            args.out,
            now=now or datetime.now(UTC),
            entropy=SystemEntropy() if args.seed is None else SeededEntropy(args.seed),
            organization=args.organization,
            iso20=_SUITES[args.suite],
            overwrite=args.force,
        )
    except PkiError as error:
        return _bad_input(str(error))
    except ValueError as error:
        return _bad_input(f"--organization {args.organization!r}: {error}")
    print(f"{len(made[0])} certificates with keys of ISO 15118-2 in {args.out}")
    print(f"{len(made[1])} of ISO 15118-20 ({args.suite}) in {args.out / ISO20_FOLDER}")
    if args.seed is not None:
        print(f"The keys follow from seed {args.seed}: use them for tests only.")
    print(f"See them: pnclab pki show {args.out}")
    return 0


def run_show(args: argparse.Namespace, now: datetime | None = None) -> int:
    """Print a certificate folder. Returns 0, or 2 when it cannot be read or a chain breaks a rule."""
    at = now or datetime.now(UTC)
    inside = args.directory / ISO20_FOLDER
    try:
        found = {args.directory: Hierarchy.load(args.directory)}
        if inside.is_dir():
            found[inside] = Hierarchy.load(inside)
    except PkiError as error:
        return _bad_input(str(error))
    faults = {place: find_faults(hierarchy, at) for place, hierarchy in found.items()}
    if args.json:
        told = [
            describe(hierarchy, name, faults[place].get(name))
            for place, hierarchy in found.items()
            for name in hierarchy
        ]
        print(json.dumps(told, indent=2))
    else:
        for place, hierarchy in found.items():
            _print_tree(place, hierarchy, faults[place])
    for place, hierarchy in found.items():
        for name, fault in faults[place].items():
            _bad_input(f"{place / hierarchy.members[name].stem}.pem: {fault.rule}: {fault.detail}")
    return EXIT_BAD_INPUT if any(faults.values()) else 0


def find_faults(hierarchy: Hierarchy, at: datetime) -> dict[str, CertificateError]:
    """Validate every member up to its root and return the faults by the member that has them."""
    faults: dict[str, CertificateError] = {}
    for name, member in hierarchy.members.items():
        if member.parent is None:
            continue
        certificate, *above = hierarchy.chain(name)
        root = hierarchy.root_of(name).certificate
        try:
            chain.validate(certificate, above, [root], at=at, profile=member.profile)
        except CertificateError as error:
            # A fault of a CA shows in everything below it; it is told once, where it is.
            path = [name, *(above.name for above in member.profile.above())]
            culprit = next((step for step in path if hierarchy[step].subject == error.subject), name)
            faults.setdefault(culprit, error)
    return faults


def describe(hierarchy: Hierarchy, name: str, fault: CertificateError | None = None) -> dict[str, Any]:
    """Return what ``pki show --json`` says of one member."""
    identity, member = hierarchy[name], hierarchy.members[name]
    certificate = identity.certificate
    return {
        "edition": hierarchy.edition.value,
        "name": name,
        "purpose": member.profile.purpose,
        "file": f"{member.stem}.pem",
        "subject": identity.subject,
        "issuer": certificate.issuer.rfc4514_string(),
        "issued_by": member.parent,
        "serial": str(certificate.serial_number),
        "valid_from": certificate.not_valid_before_utc.isoformat(),
        "valid_until": certificate.not_valid_after_utc.isoformat(),
        "key": chain.key_name(certificate),
        "private_key_here": identity.key is not None,
        "der_bytes": len(certificate.public_bytes(Encoding.DER)),
        "sha256": fingerprint_sha256(certificate),
        "fault": None if fault is None else {"rule": fault.rule.value, "detail": fault.detail},
    }


def _print_tree(directory: Path, hierarchy: Hierarchy, faults: dict[str, CertificateError]) -> None:
    from rich.console import Console  # noqa: PLC0415 - half of this command's start-up time
    from rich.text import Text  # noqa: PLC0415
    from rich.tree import Tree  # noqa: PLC0415

    trunk = Tree(Text(str(directory), style="bold"), guide_style="dim")
    branches: dict[str, Tree] = {}
    for name in hierarchy:
        facts = describe(hierarchy, name)
        line = Text.assemble((name, "bold"), f"  {facts['purpose']}\n")
        line.append(f"{facts['subject']}\n", style="cyan")
        line.append(f"{facts['valid_from'][:10]} to {facts['valid_until'][:10]}", style="dim")
        key = "key here" if facts["private_key_here"] else "key elsewhere"
        line.append(f" · {facts['key']}, {key} · {facts['der_bytes']} bytes", style="dim")
        if name in faults:
            line.append(f"\n{faults[name].rule}: {faults[name].detail}", style="bold red")
        parent = facts["issued_by"]
        branches[name] = (branches[parent] if parent else trunk).add(line)
    Console(highlight=False).print(trunk)


def _bad_input(message: str) -> int:
    print(f"pnclab pki: {message}", file=sys.stderr)
    return EXIT_BAD_INPUT
