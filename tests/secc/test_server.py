"""Whole sessions over a simulated network, in virtual time."""

from tests.conftest import VirtualTime
from tests.secc import kit
from v2g.messages.iso2 import PaymentOption


def test_a_car_installs_its_contract_and_charges_with_it(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        source = kit.ScriptedSource()
        async with kit.site(source=source) as site:
            await kit.drive(await site.car(), PaymentOption.Contract)
        assert len(source.requests) == 1
        (ended,) = site.of("session.ended")
        assert ended["outcome"] == "ok"
        assert site.of("contract.used")[0]["emaid"].startswith("DEPNC")

    virtual_time(scenario())


def test_a_car_without_tls_charges_with_external_payment(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        async with kit.site() as site:
            await kit.drive(await site.plain(), PaymentOption.ExternalPayment)
        assert [event["outcome"] for event in site.of("session.ended")] == ["ok"]

    virtual_time(scenario())
