"""What ``pnclab explain`` does: from the arguments to the steps, and from the steps to screen or JSON.

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


def run(options: argparse.Namespace) -> int:
    """Explain, and return the exit code."""
    try:
        captured = source.captured(options.source, options.installation)
        installation = read(captured.request, captured.response)
        key_name, trust_names = source.of_run(options.source[0], iso2=installation.edition is Edition.ISO2)
        key_name, trust_names = options.key or key_name, options.trust or trust_names
        key = None if key_name is None else source.read_key(key_name)
        roots, sub_cas = source.read_trust(trust_names)
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
