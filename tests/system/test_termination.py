"""A contract ends: the car that charged with it is refused the next time, whomever the charger asks."""

from pathlib import Path

import pytest

from lab.demo import command
from tests.system.kit import Stage, stage

pytestmark = pytest.mark.system


async def act(on: Stage, *words: str) -> None:
    """Act as a role of the market from the shell."""
    await on.processes.run("-".join(words[:2]), [command("backend-stub"), *words, "--url", on.market_url])


def answers(on: Stage) -> list[str]:
    """What PaymentDetailsReq was answered with, in order."""
    return [
        str(event.fields["response_code"])
        for event in on.events("secc", "message.sent")
        if event.fields["name"] == "PaymentDetailsRes"
    ]


@pytest.mark.parametrize(
    ("asks", "code"),
    [
        ("backend", "FAILED_ContractCanceled"),
        ("ocsp", "FAILED_CertificateRevoked"),
        ("crl", "FAILED_CertificateRevoked"),
        ("ocsp,backend", "FAILED_CertificateRevoked"),
    ],
)
async def test_an_ended_contract_is_refused_at_the_charger(tmp_path: Path, asks: str, code: str) -> None:
    async with stage(tmp_path) as on:
        await on.market("--public-url", "own")
        vehicle = await on.vehicle()
        # A list is used again for a while; here it has to be fetched each time.
        config = tmp_path / "secc.toml"
        config.write_text('[revocation]\ncrl_refresh_s = 0.0\non_silence = "refuse"\n')
        await on.charger("--config", str(config), "--check-contract", asks)
        code_before, first = await on.car(vehicle, name="first")
        assert (code_before, first["outcome"], first["contract_installed"]) == (0, "ok", True)
        await act(on, "msp", "terminate", first["emaid"])
        code_after, _ = await on.car(vehicle, name="second")
        assert code_after != 0
        assert answers(on) == ["OK", code]
        checked = on.events("secc", "contract.checked")
        assert [event.fields["standing"] for event in checked] == [
            "good",
            "canceled" if code == "FAILED_ContractCanceled" else "revoked",
        ]


async def test_a_bulk_revocation_reaches_the_charger_and_the_pool(tmp_path: Path) -> None:
    async with stage(tmp_path) as on:
        await on.market("--public-url", "own")
        used, fresh = await on.vehicle("used"), await on.vehicle("fresh")
        await on.charger("--check-contract", "ocsp")
        assert (await on.car(used, name="before"))[0] == 0
        await act(on, "authority", "revoke", "--prefix", "DEPNC", "--reason", "cessationOfOperation")
        assert (await on.car(used, name="after"))[0] != 0
        assert answers(on) == ["OK", "FAILED_CertificateRevoked"]
        _, result = await on.car(fresh, name="too-late")
        assert not result["contract_installed"]
        installations = [
            event.fields["response_code"]
            for event in on.events("secc", "message.sent")
            if event.fields["name"] == "CertificateInstallationRes"
        ]
        assert installations == ["OK", "FAILED_NoCertificateAvailable"]
