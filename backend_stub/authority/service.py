"""The certificate authority at work."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial

import sqlalchemy as sa
from cryptography import x509

from backend_stub.authority import store
from backend_stub.authority.enrollment import proven_key, requested_name
from backend_stub.authority.interface import (
    Branch,
    Certificate,
    Crl,
    Issued,
    Kind,
    OcspAnswer,
    Pointers,
    Progress,
    RevokeOrder,
    Selection,
)
from backend_stub.authority.issuers import Authorities, Authority, owned
from backend_stub.certificates import check_issuer
from backend_stub.database import Database
from backend_stub.errors import Code, MarketError
from pki.chain import any_public_key
from pki.crl import Entry, make_crl
from pki.entropy import Entropy
from pki.errors import CertificateError
from pki.hierarchy import Hierarchy
from pki.issuing import issue
from pki.names import common_name
from pki.ocsp import Answer, OcspRequest, OcspRequestError, Refusal, parse_request, refusal
from pki.profiles import Edition
from pki.revocation import Reason, RevocationChecker, Revoked, revoked

_MAX_UNKNOWN = 20
_ATTEMPTS = 5
_CACHED_ANSWERS = 20_000
_CERTIFICATES = 512
"""Certificates whose issuer is remembered: sub-CAs are asked about with every leaf."""

_SHORT_REQUEST = 160
"""Bytes of a request that is remembered once it was read: it asks about one certificate, without a nonce."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the authority works.

    ``public_url``     where relying parties reach this market; certificates then carry pointers to its CRLs and
                       its OCSP responder. Empty: they carry none.
    ``crl_validity``   how long a list holds; a new one is made as soon as something is revoked, too
    ``ocsp_validity``  how long an answer holds
    """

    public_url: str = ""
    crl_validity: timedelta = timedelta(hours=24)
    ocsp_validity: timedelta = timedelta(hours=1)


class CertificateOffice:
    """Issues, revokes and answers for all CAs whose keys are in its hierarchies.

    What is revoked stands in the index and nowhere else. Each OCSP question looks there, by serial number; what
    is kept is only the signature over an answer, and it is used again as long as it says what the index says. So
    a revocation by another server on the same database shows at once, too.
    """

    def __init__(
        self,
        database: Database,
        authorities: Authorities,
        now: Callable[[], datetime],
        entropy: Entropy,
        settings: Settings,
    ) -> None:
        self._database = database
        self._authorities = authorities
        self._now = now
        self._entropy = entropy
        self._settings = settings
        self._named_by = lru_cache(maxsize=_CERTIFICATES)(authorities.named_by)
        self._answers = _Answers()
        self._listing: dict[int, asyncio.Lock] = {}

    @classmethod
    async def open(
        cls,
        database: Database,
        hierarchies: Sequence[Hierarchy],
        *,
        now: Callable[[], datetime],
        entropy: Entropy,
        settings: Settings | None = None,
    ) -> "CertificateOffice":
        """Enter the CAs into the database, with the certificates that they have issued for each other.

        Raises MarketError(REQUEST) when the public URL is so long that certificates would outgrow a message.
        """

        def work(connection: sa.Connection) -> Mapping[str, int]:
            return {
                fingerprint: store.add_issuer(connection, identity.certificate)
                for fingerprint, identity in owned(hierarchies).items()
            }

        ids = await database.write(work)
        office = cls(
            database, Authorities.of(hierarchies, ids, entropy), now, entropy, settings or Settings()
        )
        members = [identity.certificate for hierarchy in hierarchies for identity in hierarchy.values()]
        below = [each for each in members if each.issuer != each.subject]
        await office.register_issued(
            [Issued(each) for each in below if office._authorities.named_by(each) is not None]
        )
        office._check_pointers()
        return office

    def pointers(self, issuer: x509.Certificate) -> Pointers:
        """See :class:`~backend_stub.authority.interface.IssuedRegister`."""
        authority = self._authorities.by_certificate(issuer)
        if authority is None or not self._settings.public_url:
            return Pointers()
        base = self._settings.public_url.rstrip("/")
        return Pointers(f"{base}/crl/{authority.fingerprint}.crl", f"{base}/ocsp")

    async def register_issued(self, issued: Sequence[Issued]) -> None:
        """See :class:`~backend_stub.authority.interface.IssuedRegister`."""
        entries = [self._entry(each) for each in issued]
        now = self._now()
        await self._database.write(lambda connection: store.register(connection, entries, now))

    async def enroll(
        self, branch: Branch, edition: Edition, request: x509.CertificateSigningRequest
    ) -> x509.Certificate:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`."""
        hierarchy, above = self._above(branch, edition)
        issuer = hierarchy[above[0]]
        check_issuer(issuer, self._now())
        if issuer.key is None:
            raise MarketError(Code.UNKNOWN, f"the key of {issuer.subject} is not here")
        profile = hierarchy.edition.profiles[branch.profile]
        key = proven_key(request, profile)
        name = requested_name(request, branch)
        pointers = self.pointers(issuer.certificate)
        try:
            certificate = issue(
                profile,
                common_name=name,
                public_key=key,
                issuer=issuer,
                now=self._now(),
                entropy=self._entropy,
                crl_url=pointers.crl_url,
                ocsp_url=pointers.ocsp_url,
            )
        except CertificateError as error:
            raise MarketError(Code.REQUEST, f"certification request: {error}") from error
        await self.register_issued([Issued(certificate)])
        return certificate

    async def ca_certificates(self, branch: Branch, edition: Edition) -> Sequence[x509.Certificate]:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`."""
        hierarchy, above = self._above(branch, edition)
        return [hierarchy[name].certificate for name in above]

    async def revoke(self, order: RevokeOrder) -> Certificate:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`."""
        certificate = order.certificate
        authority = self._authorities.issuer_of(certificate)
        if authority is None:
            raise MarketError(
                Code.UNKNOWN,
                f"{certificate.issuer.rfc4514_string()} is no CA of this market, or did not sign this",
            )
        entry = Revoked(self._now().replace(microsecond=0), order.reason)
        found = await self._database.write(
            lambda connection: store.revoke(connection, authority.id, certificate.serial_number, entry)
        )
        if found is None:
            raise MarketError(Code.UNKNOWN, f"certificate {certificate.serial_number:x} is not in the index")
        _log.info("revoked %s, serial %x: %s", found.name, found.serial, found.reason)
        return found

    async def revoke_many(self, selection: Selection, reason: Reason) -> AsyncGenerator[Progress, None]:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`."""
        if selection.empty:
            raise MarketError(
                Code.REQUEST, "nothing is selected: give names, a prefix, a PCID prefix or an issuer"
            )
        entry = Revoked(self._now().replace(microsecond=0), reason)
        steps = self._by_names if selection.names else self._by_conditions
        progress: Progress | None = None
        async for progress in steps(selection, entry):
            yield progress
        if progress is not None:
            _log.info("bulk revocation: %d revoked, %d before", progress.revoked, progress.already_revoked)

    async def find(self, name: str) -> Sequence[Certificate]:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`."""
        return await self._database.read(lambda connection: store.by_name(connection, name))

    async def checker(self, certificates: Sequence[x509.Certificate]) -> RevocationChecker:
        """See :class:`~backend_stub.authority.interface.RevocationSource`."""
        ours = [
            (authority.id, certificate.serial_number)
            for certificate in certificates
            if (authority := self._named_by(certificate)) is not None
        ]

        found = await self._database.read(lambda connection: store.revoked_among(connection, ours))
        return _Known(self._authorities, found)

    async def crl(self, issuer_fingerprint: str) -> Crl:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`.

        A list is made when it is asked for and the last one does not hold any more, one at a time for each CA.
        """
        authority = self._authorities.by_fingerprint.get(issuer_fingerprint.lower())
        if authority is None:
            raise MarketError(Code.UNKNOWN, f"no CA of this market has the SHA-256 {issuer_fingerprint}")
        async with self._listing.setdefault(authority.id, asyncio.Lock()):
            for _ in range(_ATTEMPTS):
                now = self._now()
                found = await self._database.read(partial(store.current_crl, issuer_id=authority.id, now=now))
                if found is not None:
                    return found
                made = await self._make_crl(authority, now)
                if made is not None:
                    return made
        raise MarketError(Code.STORE, "another server makes lists of this CA at the moment")

    async def ocsp(self, request: bytes) -> OcspAnswer:
        """See :class:`~backend_stub.authority.interface.CertificateAuthority`.

        An answer is signed by one CA's delegate: what a request asks of other CAs besides is answered "unknown".
        """
        try:
            asked = (_parsed if len(request) <= _SHORT_REQUEST else parse_request)(request)
        except OcspRequestError as error:
            _log.info("OCSP request: %s", error.detail)
            return OcspAnswer(refusal(Refusal.MALFORMED_REQUEST))
        by_hashes = self._authorities.by_hashes
        authority = next((by_hashes[each.issuer] for each in asked.ids if each.issuer in by_hashes), None)
        now = self._now()
        if authority is None or now >= authority.certificate.not_valid_after_utc:
            return OcspAnswer(refusal(Refusal.UNAUTHORIZED))
        try:
            answers = await self._statuses(authority, asked)
        except MarketError:
            return OcspAnswer(refusal(Refusal.TRY_LATER))
        if asked.nonce is None and (kept := self._answers.find(answers, now)) is not None:
            return kept
        return self._sign(authority, asked, answers, now)

    async def _statuses(self, authority: Authority, asked: OcspRequest) -> tuple[Answer, ...]:
        by_hashes = self._authorities.by_hashes
        ours = [each.serial for each in asked.ids if by_hashes.get(each.issuer) is authority]
        found = await self._database.read(lambda connection: store.statuses(connection, authority.id, ours))
        known = dict(zip(ours, found, strict=True))
        answers = []
        for each in asked.ids:
            status = known.get(each.serial) if by_hashes.get(each.issuer) is authority else None
            if status is None:
                answers.append(Answer(each, known=False))
            else:
                answers.append(Answer(each, known=status.known, revoked=status.revoked))
        return tuple(answers)

    def _sign(
        self, authority: Authority, asked: OcspRequest, answers: tuple[Answer, ...], now: datetime
    ) -> OcspAnswer:
        responder = authority.responder(now)
        moment = now.replace(microsecond=0)
        until = min(moment + self._settings.ocsp_validity, responder.not_after)
        document = responder.answer(answers, this_update=moment, next_update=until, nonce=asked.nonce)
        if asked.nonce is not None:
            return OcspAnswer(document)
        made = OcspAnswer(document, moment, until)
        self._answers.keep(answers, made)
        return made

    async def _make_crl(self, authority: Authority, now: datetime) -> Crl | None:
        """Make and store the next list; None when another server was faster."""
        moment = now.replace(microsecond=0)
        since = moment - self._settings.crl_validity  # what runs out is on one more list [RFC 5280 3.3]
        ledger = await self._database.read(lambda connection: store.ledger(connection, authority.id))
        # What is revoked while this is read may be on the list already; it is out of date then by its revision.
        entries: list[Entry] = []
        while True:
            after = f"{entries[-1].serial:x}" if entries else ""
            page = await self._database.read(
                partial(store.revoked_page, issuer_id=authority.id, since=since, after=after)
            )
            if not page:
                break
            entries += page
            await asyncio.sleep(0)
        until = moment + self._settings.crl_validity
        # A hundred thousand entries take a second, in which others are to be served.
        document = await asyncio.to_thread(
            make_crl,
            authority.identity,
            entries,
            number=ledger.number + 1,
            this_update=moment,
            next_update=until,
        )
        made = Crl(document, ledger.number + 1, until)
        stored = await self._database.write(
            lambda connection: store.put_crl(connection, authority.id, made, ledger.revision)
        )
        return made if stored else None

    async def _by_names(self, selection: Selection, entry: Revoked) -> AsyncGenerator[Progress, None]:
        names = list(dict.fromkeys(selection.names))
        progress = Progress(0, len(names), 0, 0)
        for start in range(0, len(names), store.CHUNK):
            part = names[start : start + store.CHUNK]
            chunk = await self._database.write(
                partial(store.revoke_named, names=part, selection=selection, revoked=entry)
            )
            lacking = [name for name in part if name not in chunk.names]
            progress = Progress(
                done=start + len(part),
                total=len(names),
                revoked=progress.revoked + chunk.revoked,
                already_revoked=progress.already_revoked + chunk.seen - chunk.revoked,
                missing=progress.missing + len(lacking),
                unknown=(*progress.unknown, *lacking)[:_MAX_UNKNOWN],
            )
            yield progress

    async def _by_conditions(self, selection: Selection, entry: Revoked) -> AsyncGenerator[Progress, None]:
        total = await self._database.read(lambda connection: store.count_live(connection, selection))
        done = 0
        after: tuple[int, str] | None = None
        yield Progress(0, total, 0, 0)
        while True:
            chunk = await self._database.write(
                partial(store.revoke_next, selection=selection, after=after, revoked=entry)
            )
            if chunk.last is None:
                break
            after = chunk.last
            done += chunk.revoked
            total = max(total, done)  # what was issued meanwhile counts as well
            yield Progress(done, total, done, 0)
        if done < total:
            yield Progress(done, done, done, 0)

    def _entry(self, issued: Issued) -> store.NewEntry:
        certificate = issued.certificate
        authority = self._authorities.named_by(certificate)
        if authority is None:
            raise MarketError(Code.UNKNOWN, f"{certificate.issuer.rfc4514_string()} is no CA of this market")
        return store.NewEntry(
            issuer_id=authority.id,
            serial=certificate.serial_number,
            kind=Kind.of(certificate),
            name=common_name(certificate),
            pcid=issued.pcid,
            not_after=certificate.not_valid_after_utc,
        )

    def _above(self, branch: Branch, edition: Edition) -> tuple[Hierarchy, list[str]]:
        """Return the hierarchy for a branch, and the names of the CAs above its leaves, nearest first."""
        hierarchy = self._authorities.hierarchy(edition)
        profile = hierarchy.edition.profiles.get(branch.profile) if hierarchy else None
        if hierarchy is None or profile is None:
            raise MarketError(Code.UNKNOWN, f"this market has no CA for {branch} certificates of {edition}")
        return hierarchy, [above.name for above in profile.above()]

    def _check_pointers(self) -> None:
        """Issue the longest certificate for trial: later, a URL that is too long would strike cars."""
        for hierarchy in self._authorities.hierarchies:
            profile = hierarchy.edition.profiles[Branch.OEM.profile]
            issuer = hierarchy[next(profile.above()).name]
            pointers = self.pointers(issuer.certificate)
            if pointers.ocsp_url is None or issuer.key is None:
                continue
            key = any_public_key(issuer.certificate)
            try:
                issue(
                    profile,
                    common_name="P" * 18,
                    public_key=key,
                    issuer=issuer,
                    now=issuer.certificate.not_valid_before_utc,
                    entropy=self._entropy,
                    crl_url=pointers.crl_url,
                    ocsp_url=pointers.ocsp_url,
                )
            except CertificateError as error:
                raise MarketError(
                    Code.REQUEST, f"the public URL {self._settings.public_url} is too long: {error}"
                ) from error


@lru_cache(maxsize=_CACHED_ANSWERS)
def _parsed(request: bytes) -> OcspRequest:
    """Return what a request asks; chargers repeat theirs to the byte. Raises OcspRequestError."""
    return parse_request(request)


class _Answers:
    """Signed answers by what they say, the least recently used go first.

    The key holds the state of every certificate: an answer that is not true any more is never found.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Answer, ...], OcspAnswer] = OrderedDict()

    def find(self, answers: tuple[Answer, ...], now: datetime) -> OcspAnswer | None:
        """Return a signed answer that holds for a while yet: a quarter of its time at least."""
        kept = self._kept.get(answers)
        if kept is None or kept.until is None or kept.produced_at is None:
            return None
        if now < kept.produced_at or now > kept.until - (kept.until - kept.produced_at) / 4:
            del self._kept[answers]
            return None
        self._kept.move_to_end(answers)
        return kept

    def keep(self, answers: tuple[Answer, ...], made: OcspAnswer) -> None:
        """Keep an answer."""
        self._kept[answers] = made
        if len(self._kept) > _CACHED_ANSWERS:
            self._kept.popitem(last=False)


class _Known:
    """A checker over what was read from the index at one moment. What it has not read about passes.

    The CA is found by the name and key that a certificate gives: whether it has signed, others have checked.
    """

    def __init__(self, authorities: Authorities, found: Mapping[tuple[int, int], Revoked]) -> None:
        self._authorities = authorities
        self._found = found

    def check(self, certificate: x509.Certificate, _issuer: x509.Certificate, at: datetime) -> None:
        """See :class:`pki.revocation.RevocationChecker`."""
        if not self._found:
            return
        authority = self._authorities.named_by(certificate)
        entry = authority and self._found.get((authority.id, certificate.serial_number))
        if entry and entry.at <= at:
            raise revoked(certificate, entry)
