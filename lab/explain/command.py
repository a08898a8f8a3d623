"""The command ``pnclab explain``.

Exit codes: 0 every step holds, 1 a step fails, 2 wrong usage or input that cannot be read.
"""

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from exi.command import UsageError
from lab.explain import source
from lab.explain.installation import Installation, NotAnInstallationError, read
from lab.explain.sealed import Sealed, explain_envelope
from lab.explain.signed import Trust, explain_chain, explain_signature
from lab.explain.steps import Story, Verdict
from pki import names
from pki.chain import parse
from pki.errors import CertificateError
from pki.keys import PrivateKey
from pki.profiles import Edition
from v2g.security.dialects import DIALECTS, Dialect

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT = 0, 1, 2

_EPILOG = """\
examples:
  pnclab explain runs/latest --key runs/latest/car/oem/provisioning.key --trust runs/latest/pki
  pnclab explain request.exi response.exi --key receiver.key --json
  pnclab explain docs/vectors/iso20/request.exi docs/vectors/iso20/response.exi \\
      --key docs/vectors/iso20/receiver.key --trust docs/vectors/iso20 --at 2026-01-02

exit codes: 0 every step holds, 1 a step fails, 2 wrong usage or input that cannot be read
"""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``explain``. The chosen command stands in ``run``: Namespace → exit code."""
    command = commands.add_parser(
        "explain",
        help="take a captured certificate installation apart: chains, digests, SignedInfo, the envelope",
        description="Show every step of a certificate installation of ISO 15118-2 or -20: chains and "
        "signatures, each digest with what it was made of, the bytes of SignedInfo, and with the car's key the "
        "envelope: Z, OtherInfo, K, IV, AAD, and the checks on the contract key. Where a step fails, the "
        "dialect of a known peer in which it would have held is named.",
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
    command.add_argument("--key", metavar="FILE", help="the car's private key that receives the envelope")
    command.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="PATH",
        help="roots to hold chains against, and sub-CAs that messages leave out: files, folders; repeatable",
    )
    command.add_argument("--dialect", choices=DIALECTS, default="standard", help="whose reading to follow")
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
    try:
        captured = source.captured(options.source, options.installation)
        installation = read(captured.request, captured.response)
        key = None if options.key is None else source.read_key(options.key)
        roots, sub_cas = source.read_trust(options.trust)
    except (UsageError, NotAnInstallationError) as error:
        print(f"pnclab explain: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    at = options.at or captured.at or installation.at or datetime.now(UTC)
    trust = Trust(roots, sub_cas, at)
    story = explain(installation, key, trust, DIALECTS[options.dialect], pcid=options.pcid)
    if options.json:
        print(json.dumps(as_json(installation, story, options, captured.origin, at), indent=2))
    else:
        from lab.explain.view import show  # noqa: PLC0415 - rich is needed for people only

        show(installation, story, options, captured.origin, at)
    return EXIT_FAILED if story.failed else EXIT_OK


def explain(
    installation: Installation,
    key: PrivateKey | None,
    trust: Trust,
    dialect: Dialect,
    *,
    pcid: str | None = None,
) -> Story:
    """Return every step of an installation; ``key`` is the car's, without which the envelope stays shut."""
    story = Story()
    edition, profiles = installation.edition, installation.edition.profiles
    if installation.request is not None:
        request = installation.request
        profile = profiles[request.profiles[0]]
        leaf = explain_chain(story, request.part, "certificate chain", request.chain, profile, trust)
        explain_signature(story, request, leaf, edition, dialect)
        if leaf is not None and pcid is None and edition is not Edition.ISO2:
            pcid = _common_name(leaf)
    response = installation.response
    if not installation.response_code.startswith("OK"):
        detail = f"{installation.response_code}: what else the response carries are placeholders"
        story.add(response.part, "response code", Verdict.FAILED, detail)
        return story
    profile = profiles[response.profiles[0]]
    leaf = explain_chain(story, response.part, "provider's chain", response.chain, profile, trust)
    explain_signature(story, response, leaf, edition, dialect)
    contract = explain_chain(
        story, response.part, "contract chain", installation.contract_chain, profiles["contract"], trust
    )
    if contract is None:
        return story
    _explain_emaid(story, installation, _common_name(contract))
    receiver = None if installation.receiver is None else _certificate(installation.receiver)
    sealed = Sealed(edition is Edition.ISO2, installation.envelope, contract, receiver, pcid)
    explain_envelope(story, sealed, key, dialect)
    return story


def as_json(
    installation: Installation, story: Story, options: argparse.Namespace, origin: str, at: datetime
) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "source": origin,
        "edition": installation.edition.value,
        "request": None if installation.request is None else installation.request.name,
        "response": installation.response.name,
        "response_code": installation.response_code,
        "dialect": options.dialect,
        "judged_at": at.isoformat(),
        "verdict": "failed" if story.failed else "ok",
        "steps": [step.as_json(secrets=options.show_secrets) for step in story.steps],
    }


def _explain_emaid(story: Story, installation: Installation, certified: str | None) -> None:
    if installation.emaid is None or certified is None:
        return
    same = installation.emaid.replace("-", "").upper() == certified.replace("-", "").upper()
    detail = f"{installation.emaid} in the message, {certified} in the certificate"
    story.add(installation.response.part, "eMAID", Verdict.OK if same else Verdict.FAILED, detail)


def _certificate(der: bytes) -> x509.Certificate | None:
    try:
        return parse(der)
    except CertificateError:
        return None


def _common_name(certificate: x509.Certificate) -> str | None:
    try:
        return names.common_name(certificate)
    except CertificateError:
        return None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-01-31T12:00:00Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
