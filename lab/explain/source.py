"""Where request, response and key come from: files, typed text, a trace, the folder of a run."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

import exi
from exi.command import UsageError
from exi.inputs import Input, from_hex, read_file, recognise
from exi.schema import XsdType
from lab.explain.installation import is_request, is_response, is_waiting
from lab.trace_file import Event, TraceFileError, read_trace
from pki.errors import StoreError
from pki.hierarchy import ISO20_FOLDER
from pki.keys import PrivateKey
from pki.store import read_any_key, read_certificates
from v2g.messages import iso2, iso20

TRACE_NAME = "trace.jsonl"
_SCHEMAS = (iso2.SCHEMA, iso20.COMMON_MESSAGES)
_SUFFIXES = {".pem", ".crt", ".cer", ".der"}


@dataclass(frozen=True, slots=True)
class Captured:
    """Request (None when there is none) and response; ``origin`` tells where they are from, ``at`` when."""

    request: XsdType | None
    response: XsdType
    origin: str
    at: datetime | None = None


def captured(names: list[str], installation: int | None) -> Captured:
    """Return the messages that the arguments of the command name. Raises UsageError.

    One name may be a trace or a folder with one; ``installation`` then chooses among several, from 1. One or
    two other names are messages in any order: files of any form, or hexadecimal text.
    """
    if len(names) == 1:
        place = Path(names[0])
        if _is_folder(place):
            return _from_trace(place / TRACE_NAME, installation)
        if place.suffix == ".jsonl":
            return _from_trace(place, installation)
    if len(names) > 2:
        raise UsageError(f"a request and a response, not {len(names)} messages")
    messages = [_message(name) for name in names]
    responses = [message for message in messages if is_response(message)]
    requests = [message for message in messages if is_request(message)]
    strange = next((m for m in messages if not is_response(m) and not is_request(m)), None)
    if strange is not None:
        raise UsageError(f"{type(strange).__name__} is no message of a certificate installation")
    if len(responses) != 1:
        raise UsageError(
            "the response of the installation is missing" if requests else "one response, not two"
        )
    return Captured(requests[0] if requests else None, responses[0], " and ".join(map(_short, names)))


def of_run(name: str, *, iso2: bool) -> tuple[str | None, list[str]]:
    """Return the car's key and the certificates in the folder of a run; nothing where ``name`` is no such folder."""
    pki = Path(name) / "pki"
    if not _is_folder(pki):
        return None, []
    car = pki / "vehicle"
    keys = (
        [car / "oem" / "provisioning.key"]
        if iso2
        else [car / ISO20_FOLDER / file for file in ("receiver.key", "provisioning.key")]
    )
    return next((str(key) for key in keys if key.is_file()), None), [str(pki)]


def read_key(name: str) -> PrivateKey:
    """Return the car's private key. Raises UsageError, which never quotes the file."""
    try:
        return read_any_key(name)
    except StoreError as error:
        raise UsageError(str(error)) from error


def read_trust(names: list[str]) -> tuple[tuple[x509.Certificate, ...], tuple[x509.Certificate, ...]]:
    """Return roots and sub-CAs among the certificates in files and folders, however deep. Raises UsageError."""
    found: list[x509.Certificate] = []
    for name in names:
        place = Path(name)
        files = (
            sorted(file for file in place.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
            if place.is_dir()
            else [place]
        )
        if not files:
            raise UsageError(f"{name}: no certificate file ({', '.join(sorted(_SUFFIXES))}) in this folder")
        try:
            for file in files:
                found += read_certificates(file)
        except StoreError as error:
            raise UsageError(str(error)) from error
    unique = tuple(dict.fromkeys(found))
    roots = tuple(item for item in unique if item.subject == item.issuer)
    return roots, tuple(item for item in unique if item.subject != item.issuer)


def _message(name: str) -> XsdType:
    message = _decode(_input(name).data)
    if message is None:
        raise UsageError(
            f"{_short(name)}: no message of ISO 15118-2 or -20; 'exi explain' tells how far it can be read"
        )
    return message


def _decode(data: bytes) -> XsdType | None:
    """Return the message; payload types are not looked at, because peers exist that send a wrong one."""
    for schema in _SCHEMAS:
        try:
            message = exi.decode(data, schema)
        except exi.ExiError:
            continue
        if isinstance(message, XsdType):
            return message
    return None


def _input(name: str) -> Input:
    if name != "-" and not _exists(Path(name)):
        try:
            return recognise(name, from_hex(name).hex().encode())
        except UsageError:
            pass  # it is the name of a file that is missing, which reading says
    return recognise(_short(name), read_file(name))


def _exists(place: Path) -> bool:
    """Say whether a name is that of a file or folder; long hex text is none, and no error either."""
    try:
        return place.exists()
    except (OSError, ValueError):
        return False


def _is_folder(place: Path) -> bool:
    return _exists(place) and place.is_dir()


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:16]}…{name[-8:]}"


def _from_trace(path: Path, wanted: int | None) -> Captured:
    try:
        trace = read_trace(path)
    except TraceFileError as error:
        raise UsageError(str(error)) from error
    found = _installations(list(trace.events))
    if not found:
        raise UsageError(f"{path}: no certificate installation in this trace")
    if wanted is None and len(found) > 1:
        listing = "; ".join(f"{number}: {item.at:%H:%M:%S}" for number, item in enumerate(found, 1))
        raise UsageError(f"{path}: {len(found)} installations, choose one with --installation ({listing})")
    number = wanted or 1
    if not 1 <= number <= len(found):
        raise UsageError(f"{path}: there is no installation {number}, only {len(found)}")
    chosen = found[number - 1]
    return Captured(chosen.request, chosen.response, str(path), chosen.at)


def _installations(events: list[Event]) -> list[Captured]:
    """Return request and response of each installation, as the car saw them, or else the charger."""
    for role in ("evcc", "secc"):
        open_requests: dict[int | None, XsdType] = {}
        found: list[Captured] = []
        for event in events:
            if event.role != role or event.kind not in {"message.sent", "message.received"}:
                continue
            if not (event.text("name") or "").startswith(("CertificateInstallation", "CertificateUpdate")):
                continue
            message = _decoded(event)
            if message is None:
                continue
            if is_request(message):
                open_requests[event.connection] = message
            elif is_response(message) and not is_waiting(message):
                request = open_requests.get(event.connection)
                found.append(Captured(request, message, "", datetime.fromtimestamp(event.t, UTC)))
        if found:
            return found
    return []


def _decoded(event: Event) -> XsdType | None:
    try:
        return _decode(bytes.fromhex(event.text("exi") or ""))
    except ValueError:
        return None
