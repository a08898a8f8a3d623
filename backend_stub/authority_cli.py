"""The options of ``backend-stub authority``. What the commands do stands in :mod:`backend_stub.authority_commands`, loaded when needed."""

import argparse
from collections.abc import Callable
from pathlib import Path

_REASONS = (
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
)
_KINDS = ("contract", "car", "charger", "signer", "ca")
_BRANCHES = ("mo", "oem", "cpo", "cps", "veh")

_REVOKE_EXAMPLES = """\
A revocation that was broken off is simply repeated: it goes on where it stopped.

examples:
  backend-stub authority revoke --emaid DEPNC1A2B3C4D5U --reason keyCompromise
  backend-stub authority revoke --file emaids.txt --reason cessationOfOperation
  backend-stub authority revoke --prefix DEPNC --reason cessationOfOperation --json
"""
_ENROLL_EXAMPLES = """\
example:
  backend-stub authority enroll --branch cpo --name 'DE*PNC*E0001' --out charger
"""
_SHOW_EXAMPLES = """\
example:
  backend-stub authority show DEPNC1A2B3C4D5U
"""

AsClient = Callable[[Callable[[], None]], int]


def add(
    parser: argparse.ArgumentParser,
    as_client: AsClient,
    add_client_options: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add the actions to ``authority``; each puts its function into ``run``."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")

    def action(name: str, help_text: str, epilog: str) -> argparse.ArgumentParser:
        made = actions.add_parser(
            name, help=help_text, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add_client_options(made)
        return made

    revoke = action("revoke", "revoke one certificate or a hundred thousand", _REVOKE_EXAMPLES)
    which = revoke.add_mutually_exclusive_group(required=True)
    which.add_argument("--emaid", action="append", metavar="EMAID", help="a contract; may be repeated")
    which.add_argument("--pcid", action="append", metavar="PCID", help="a car; may be repeated")
    which.add_argument(
        "--file",
        metavar="FILE",
        help="names, one a line (eMAIDs, or PCIDs with --kind car); - for standard input",
    )
    which.add_argument("--prefix", help="everything whose name begins so, such as DEPNC")
    which.add_argument("--pcid-prefix", metavar="PREFIX", help="contracts for cars whose PCID begins so")
    which.add_argument("--issuer", metavar="SHA256", help="everything that this CA issued")
    revoke.add_argument("--kind", choices=_KINDS, help="what the certificates are for (default: contract)")
    revoke.add_argument("--reason", choices=_REASONS, required=True, help="as in RFC 5280")
    revoke.set_defaults(run=lambda options: as_client(lambda: _revoke(options)))

    show = action("show", "tell what was issued under a name, and whether it is revoked", _SHOW_EXAMPLES)
    show.add_argument("name", help="eMAID, PCID, SECCID or the name of a CA")
    show.set_defaults(run=lambda options: as_client(lambda: _show(options)))

    enroll = action("enroll", "make a key here and have it certified (EST)", _ENROLL_EXAMPLES)
    enroll.add_argument("--branch", choices=_BRANCHES, required=True, help="what the certificate is for")
    enroll.add_argument("--name", required=True, help="its common name: eMAID, PCID, SECCID …")
    enroll.add_argument("--iso20", action="store_true", help="for ISO 15118-20")
    enroll.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for key.pem and chain.pem; must be new"
    )
    enroll.set_defaults(run=lambda options: as_client(lambda: _enroll(options)))


def _revoke(options: argparse.Namespace) -> None:
    from backend_stub import authority_commands as commands  # noqa: PLC0415 - see above

    commands.revoke(
        options.url,
        options.ca,
        commands.Wanted(
            emaids=options.emaid,
            pcids=options.pcid,
            file=options.file,
            prefix=options.prefix,
            pcid_prefix=options.pcid_prefix,
            issuer=options.issuer,
            kind=options.kind,
        ),
        options.reason,
        as_json=options.json,
    )


def _show(options: argparse.Namespace) -> None:
    from backend_stub import authority_commands as commands  # noqa: PLC0415 - see above

    commands.show(options.url, options.ca, options.name, as_json=options.json)


def _enroll(options: argparse.Namespace) -> None:
    from backend_stub import authority_commands as commands  # noqa: PLC0415 - see above

    commands.enroll(
        options.url,
        options.ca,
        options.branch,
        options.name,
        options.out,
        iso20=options.iso20,
        as_json=options.json,
    )
