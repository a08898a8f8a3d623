"""The unchanged car and charger, with real TLS and HTTP, over every preset, in virtual time."""

from pathlib import Path

import pytest

from lab.links.presets import presets
from tests.lab.links.backhaul import install_over, told


@pytest.mark.parametrize("backhaul", presets())
def test_an_installing_session_over_a_preset_repeats_bit_for_bit(tmp_path: Path, backhaul: str) -> None:
    first, second = (install_over(tmp_path / name, backhaul, seed=7) for name in ("first", "second"))
    for before, after in ((first.car, second.car), (first.charger, second.charger)):
        assert told(before.records) == told(after.records)
    assert "CertificateInstallationReq" in first.messages()
    (answered,) = (r for r in first.charger.of("message.sent") if r["name"] == "CertificateInstallationRes")
    # Whatever the backhaul does, the charger answers within its performance time.
    assert float(str(answered["elapsed_s"])) <= 4.5


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    runs = [install_over(tmp_path / str(seed), "lte-edge", seed=seed) for seed in (1, 2)]
    assert told(runs[0].car.records) != told(runs[1].car.records)


@pytest.mark.parametrize("backhaul", ["office-lan", "lte-good", "satellite-leo"])
def test_over_good_links_the_contract_is_installed(tmp_path: Path, backhaul: str) -> None:
    meeting = install_over(tmp_path / "car", backhaul)
    assert meeting.report.contract_installed
    (exchange,) = meeting.charger.of("backend.response")
    assert float(str(exchange["elapsed_s"])) > 0
