"""The commands of ``backend-stub authority``: act on the authority of a running market."""

# ruff: noqa: N815 - fields are spelled as on the wire

import base64
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from cryptography.x509.oid import NameOID
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from backend_stub.client import MarketClient, RefusedError, UnreachableError, UsageError
from pki import store
from pki.entropy import SystemEntropy
from pki.errors import StoreError

NAMES_A_CALL = 100_000
REVOCATIONS = "/authority/v1/revocations"
TERMINATIONS = "/msp/v1/terminations"


class _Step(msgspec.Struct):
    phase: str = "revoking"
    done: int = 0
    total: int = 0
    revoked: int = 0
    alreadyRevoked: int = 0
    missing: int = 0
    unknown: list[str] = []
    failures: int = 0
    failed: list[str] = []
    finished: bool = False
    error: str = ""


class _Entry(msgspec.Struct):
    name: str
    kind: str
    serial: str
    issuer: str
    pcid: str | None
    validTo: str
    revokedAt: str | None
    reason: str | None


class _Index(msgspec.Struct):
    certificates: list[_Entry]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which certificates to revoke, as the command line says it."""

    emaids: list[str] | None = None
    pcids: list[str] | None = None
    file: str | None = None
    prefix: str | None = None
    pcid_prefix: str | None = None
    issuer: str | None = None
    kind: str | None = None

    def calls(self) -> Iterator[dict[str, Any]]:
        """Yield the bodies of the calls that it takes; raises UsageError for a file that cannot be read."""
        common = {"kind": self.kind} if self.kind else {}
        if self.file is not None:
            names = _names_in(self.file)
            field = "pcids" if self.kind == "car" else "emaids"
            while part := list(islice(names, NAMES_A_CALL)):
                yield {field: part, **common}
            return
        given = {
            "emaids": self.emaids,
            "pcids": self.pcids,
            "prefix": self.prefix,
            "pcidPrefix": self.pcid_prefix,
            "issuer": self.issuer,
        }
        yield {name: value for name, value in given.items() if value is not None} | common


def revoke(url: str, ca: Path | None, wanted: Wanted, reason: str, *, as_json: bool) -> None:
    """Revoke, showing the progress: a bar on a terminal, or the lines of the market with ``--json``."""
    total = _Step()
    with MarketClient(url, ca) as market:
        for body in wanted.calls():
            last = _follow(market, REVOCATIONS, body | {"reason": reason}, as_json=as_json)
            total.revoked += last.revoked
            total.alreadyRevoked += last.alreadyRevoked
            total.missing += last.missing
            total.unknown = [*total.unknown, *last.unknown]
    if as_json:
        return
    print(f"{total.revoked} revoked, {total.alreadyRevoked} were revoked before")
    if total.missing:
        print(
            f"{total.missing} names that no certificate bears: {_some(total.unknown, total.missing)}",
            file=sys.stderr,
        )


def end_contracts(url: str, ca: Path | None, file: str, reason: str, *, as_json: bool) -> None:
    """End the contracts whose eMAIDs stand in a file: revoked at once, then taken out of every pool."""
    ended, failures, failed = 0, 0, list[str]()
    names = _names_in(file)
    with MarketClient(url, ca) as market:
        while part := list(islice(names, NAMES_A_CALL)):
            last = _follow(market, TERMINATIONS, {"emaids": part, "reason": reason}, as_json=as_json)
            ended += last.total - last.failures
            failures += last.failures
            failed += last.failed
    if not as_json:
        print(f"{ended} contracts have ended")
    if failures:
        raise RefusedError(
            [f"{failures} could not be ended: {_some(failed, failures)}; repeat the command"], ""
        )


def show(url: str, ca: Path | None, name: str, *, as_json: bool) -> None:
    """Print what was issued under a name."""
    with MarketClient(url, ca) as market:
        index = market.get(f"/authority/v1/certificates/{quote(name, safe='')}", _Index)
    if as_json:
        print(json.dumps(msgspec.to_builtins(index)))
        return
    if not index.certificates:
        print(f"nothing was issued under the name {name}")
    for entry in index.certificates:
        state = f"revoked at {entry.revokedAt} ({entry.reason})" if entry.revokedAt else "not revoked"
        print(f"{entry.kind} {entry.name}, serial {entry.serial}, valid until {entry.validTo}: {state}")


def enroll(
    url: str, ca: Path | None, branch: str, name: str, out: Path, *, iso20: bool, as_json: bool
) -> None:
    """Make a key, have it certified, and write ``key.pem`` and ``chain.pem`` (leaf and sub-CAs) into a new folder."""
    key = SystemEntropy().ec_key(ec.SECP521R1() if iso20 else ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    digest = hashes.SHA512() if iso20 else hashes.SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, digest)
    version = "ISO15118-20" if iso20 else "ISO15118-2"
    base = f"/.well-known/est/{branch}"
    with MarketClient(url, ca) as market:
        body = base64.encodebytes(request.public_bytes(Encoding.DER))
        leaf = _certificates(
            market.exchange("POST", f"{base}/simpleenroll/{version}", body, "application/pkcs10")
        )
        above = _certificates(market.exchange("GET", f"{base}/cacerts/{version}"))
    chain = [*leaf, *_sub_cas(leaf[0], above)]
    try:
        out.mkdir(parents=True)
        store.write_key(out / "key.pem", key)
        store.write_certificates(out / "chain.pem", chain)
    except (OSError, StoreError) as error:
        raise UsageError(f"--out {out}: {error}") from error
    facts = {
        "name": leaf[0].subject.rfc4514_string(),
        "serial": f"{leaf[0].serial_number:x}",
        "folder": str(out),
    }
    print(json.dumps(facts) if as_json else f"{facts['name']} certified: key and chain in {out}")


def _some(names: list[str], total: int) -> str:
    return ", ".join(names[:5]) + (", …" if total > 5 else "")


def _follow(market: MarketClient, path: str, body: dict[str, Any], *, as_json: bool) -> _Step:
    """Make one bulk call and follow it to its end; return the last step."""
    last = _Step()
    with ExitStack() as stack:
        console = Console(stderr=True)
        bar = None
        if not as_json and console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            bar = stack.enter_context(Progress(*columns, console=console))
            task = bar.add_task("", total=None)
        try:
            for line in market.post_lines(path, body):
                last = msgspec.json.decode(line, type=_Step)
                if as_json:
                    print(line, flush=True)
                if bar is not None:
                    bar.update(task, description=last.phase, completed=last.done, total=last.total)
                if last.error:
                    raise RefusedError([last.error], "")
        except UnreachableError as error:
            detail = f"{error.detail}; {last.done} of {last.total} are done: repeat the command to go on"
            raise UnreachableError(error.url, detail) from error
        except msgspec.MsgspecError as error:
            raise RefusedError([f"not the progress of a revocation: {error}"], "") from error
    if not last.finished:
        raise RefusedError([f"it stopped at {last.done} of {last.total}: repeat the command to go on"], "")
    return last


def _names_in(file: str) -> Iterator[str]:
    """Yield the names in a file: one a line, without blank lines and those that begin with ``#``."""
    if file == "-":
        yield from _names(sys.stdin)
        return
    try:
        with Path(file).open(encoding="utf-8") as lines:
            yield from _names(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--file {file}: {error}") from error


def _names(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        name = line.strip()
        if name and not name.startswith("#"):
            yield name


def _certificates(answer: bytes) -> list[x509.Certificate]:
    try:
        return load_der_pkcs7_certificates(base64.b64decode(answer))
    except ValueError as error:
        raise RefusedError([f"the market sent certificates that cannot be read: {error}"], "") from error


def _sub_cas(leaf: x509.Certificate, above: list[x509.Certificate]) -> Iterator[x509.Certificate]:
    """Yield the sub-CAs above a leaf, each after the one it issued; PKCS #7 keeps no order."""
    step = leaf
    while issuer := next((each for each in above if each.subject == step.issuer), None):
        if issuer.subject == issuer.issuer:
            return
        yield issuer
        step = issuer
