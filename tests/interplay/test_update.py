"""CertificateUpdate of ISO 15118-2: car, charger and a market, on virtual time."""

from pathlib import Path

import msgspec
import pytest

from secc.errors import BundleError, BundleFailure
from tests.evcc.material import EMAIDS
from tests.evcc.material20 import World20
from tests.interplay.meeting import Market, Meeting, meet

SOON = {"contract.renew_before_h": 24.0 * 365 * 2, "contract.renewal": "update"}
"""Every contract of the test market ends "soon"."""


@pytest.fixture(scope="module")
def world() -> World20:
    return World20()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "car"


def visit(
    folder: Path,
    world: World20,
    *,
    market: Market | None = None,
    car: dict[str, object] | None = None,
    charger: dict[str, object] | None = None,
) -> Meeting:
    return meet(folder, world, car={"protocols": ("iso2",)} | (car or {}), charger=charger, market=market)


def test_a_contract_that_ends_soon_is_updated(folder: Path, world: World20) -> None:
    (old,) = visit(folder, world).store_iso2.contracts
    meeting = visit(folder, world, car=SOON)
    report = meeting.report
    assert report.outcome == "ok", report.detail
    assert report.contract_updated
    assert "CertificateInstallationReq" not in meeting.messages()
    way = meeting.messages()
    at = way.index("CertificateUpdateReq")
    assert way[at - 2 : at + 2] == [
        "ServiceDetailReq",
        "PaymentServiceSelectionReq",
        "CertificateUpdateReq",
        "PaymentDetailsReq",
    ]
    (new,) = meeting.store_iso2.contracts
    assert new.emaid == old.emaid == EMAIDS[0]
    assert new.certificate.public_key() != old.certificate.public_key()


def test_by_default_it_is_installed_anew(folder: Path, world: World20) -> None:
    visit(folder, world)
    meeting = visit(folder, world, car={"contract.renew_before_h": SOON["contract.renew_before_h"]})
    assert "CertificateInstallationReq" in meeting.messages()


def test_a_charger_without_updates(folder: Path, world: World20) -> None:
    visit(folder, world)
    meeting = visit(folder, world, car=SOON, charger={"installation.update": False})
    assert meeting.report.outcome == "ok", meeting.report.detail
    assert "CertificateInstallationReq" in meeting.messages()


@pytest.mark.parametrize(("counter", "asks_at_once"), [(0, True), (3, False), (-1, False)])
def test_a_refusal_says_when_to_ask_again(
    folder: Path, world: World20, counter: int, *, asks_at_once: bool
) -> None:
    visit(folder, world)
    market = Market(world, failure=BundleError(BundleFailure.NOT_FOUND, "no successor"))
    charger: dict[str, object] = {"installation.update_retry_days": counter}
    refused = visit(folder, world, market=market, car=SOON, charger=charger)
    assert refused.report.reason == "response_code.FAILED_NoCertificateAvailable"
    assert refused.car.of("contract.update_refused")[0]["retry_counter"] == counter
    kept = folder / "contracts" / "updates.json"
    if counter:
        (entry,) = msgspec.json.decode(kept.read_bytes()).values()
        assert (entry["until"] is None) == (counter < 0)
    again = visit(folder, world, car=SOON)
    assert ("CertificateUpdateReq" in again.messages()) == asks_at_once
    assert again.report.outcome == "ok"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (BundleFailure.LATE, "FAILED"),
        (BundleFailure.SIGNATURE, "FAILED_SignatureError"),
        (BundleFailure.CHAIN, "FAILED_CertChainError"),
        (BundleFailure.REVOKED, "FAILED_CertificateRevoked"),
    ],
)
def test_codes_of_refusals(folder: Path, world: World20, failure: BundleFailure, code: str) -> None:
    (old,) = visit(folder, world).store_iso2.contracts
    meeting = visit(folder, world, car=SOON, market=Market(world, failure=BundleError(failure, "no")))
    assert meeting.report.reason == f"response_code.{code}"
    (kept,) = meeting.store_iso2.contracts
    assert kept.certificate == old.certificate
