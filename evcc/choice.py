"""Which contract a session is paid with, and what becomes of contracts that were delivered."""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

from evcc.context import Context
from evcc.contracts import Contract

_PROVIDER_LENGTH = 5
"""Country and provider id, the beginning of an eMAID."""


def usable_contract(
    context: Context, *, installable: bool, providers: Collection[str] = ()
) -> Contract | None:
    """Return the chosen contract, or None when there is none that can be used.

    A contract that is about to expire is used after all where the charger cannot install another. A charger
    that names the ``providers`` that it works with (country and provider id, as eMAIDs begin) gets a
    contract of one of them: the chosen one, or else another that is stored.
    """
    now = context.clock.now()
    margin = context.config.renew_before if installable else timedelta()
    chosen = context.store.chosen
    if chosen is None:
        return None
    contract = next(filter(_of(providers), (chosen, *context.store.contracts)), chosen)
    if contract.usable(now, margin):
        return contract
    context.tracer.event(
        "certificate.rejected",
        rule="expired" if now + margin > contract.valid_until else "not_yet_valid",
        subject=contract.certificate.subject.rfc4514_string(),
        detail=f"valid until {contract.valid_until.isoformat()}",
    )
    return None


def _of(providers: Collection[str]) -> Callable[[Contract], bool]:
    """Return a check whether a contract is one of these providers; of any, when none are named."""
    wanted = {provider.replace("-", "").upper() for provider in providers}
    return lambda contract: not wanted or contract.emaid[:_PROVIDER_LENGTH] in wanted


def keep(context: Context, contracts: Sequence[Contract]) -> Contract:
    """Store delivered contracts in one change, take them down, and return the one to pay with.

    Raises :class:`evcc.errors.ContractStoreError`; nothing is stored then.
    """
    installed = context.store.install_all(contracts, context.clock.now(), context.config.renew_before)
    report = context.report
    report.contract_installed = True
    for contract in installed.stored:
        report.contracts_installed.append(contract.emaid)
        context.tracer.event(
            "contract.installed",
            emaid=contract.emaid,
            certificate_serial=f"{contract.certificate.serial_number:x}",
            valid_until=contract.valid_until,
        )
    for contract in installed.refused:
        context.tracer.event("contract.dropped", emaid=contract.emaid, detail="the store is full")
    return installed.stored[0]
