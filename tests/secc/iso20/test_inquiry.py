"""Asking whether a contract of -20 still stands: Ongoing meanwhile, a WARNING when it does not."""

import asyncio
from dataclasses import dataclass, field

import pytest

from secc.iso20 import AC
from secc.status import Question, Standing, StatusError
from secc.status.inquiry import Inquiry
from tests.conftest import VirtualTime
from tests.secc.iso20 import messages
from tests.secc.iso20.market import EMAIDS, market20
from tests.secc.iso20.road import Car, Site, site
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.timing import Deadline


@dataclass
class Slow:
    """A source that needs a while, and then objects or does not."""

    standing: Standing = Standing.GOOD
    delay_s: float = 0.0
    questions: list[Question] = field(default_factory=list)
    name: str = "the test"

    async def check(self, question: Question, deadline: Deadline) -> None:
        self.questions.append(question)
        patience_s = deadline.remaining(asyncio.get_running_loop().time())
        await asyncio.sleep(min(self.delay_s, patience_s))
        standing = self.standing if self.delay_s <= patience_s else Standing.UNKNOWN
        if standing is not Standing.GOOD:
            raise StatusError(standing, "because the test says so")

    async def close(self) -> None:
        return


async def authorize(
    place: Site, source: Slow, *, accept_unknown: bool
) -> tuple[Car, list[cm.AuthorizationRes]]:
    place.charger.inquiry = Inquiry([source], place.charger.clock, accept_unknown=accept_unknown)
    car = await place.car(AC)
    await car.negotiate()
    await car.ask(messages.setup())
    offered = await car.ask(messages.authorization_setup())
    challenge = offered.pnc_as_res_authorization_mode.gen_challenge
    answers: list[cm.AuthorizationRes] = []
    while not answers or answers[-1].evse_processing is not Processing.Finished:
        answers.append(await car.ask(messages.by_contract(challenge), key=market20().contract.signer()))
    return car, answers


@pytest.mark.parametrize(
    ("standing", "delay_s", "accept_unknown", "code", "rounds"),
    [
        (Standing.GOOD, 0.0, False, ResponseCode.OK, 1),
        (Standing.GOOD, 5.0, False, ResponseCode.OK, 7),
        (Standing.REVOKED, 0.0, True, ResponseCode.WARNING_CertificateRevoked, 1),
        (Standing.CANCELED, 0.0, True, ResponseCode.WARNING_GeneralPnCAuthorizationError, 1),
        (Standing.UNKNOWN, 0.0, True, ResponseCode.OK, 1),
        (Standing.UNKNOWN, 0.0, False, ResponseCode.WARNING_GeneralPnCAuthorizationError, 1),
        (Standing.GOOD, 1e6, False, ResponseCode.WARNING_GeneralPnCAuthorizationError, 73),
    ],
)
def test_what_becomes_of_the_car(
    virtual_time: VirtualTime,
    standing: Standing,
    delay_s: float,
    accept_unknown: bool,
    code: ResponseCode,
    rounds: int,
) -> None:
    async def scenario() -> None:
        source = Slow(standing, delay_s)
        async with site() as place:
            car, answers = await authorize(place, source, accept_unknown=accept_unknown)
            assert answers[-1].response_code is code
            assert len(answers) == pytest.approx(rounds, abs=1)
            assert {answer.response_code for answer in answers[:-1]} <= {ResponseCode.OK}
            (question,) = source.questions  # asked once, however often the car repeats
            assert question.emaid.startswith(EMAIDS[0])
            assert len(question.path) == 4
            response = await car.ask(
                messages.externally() if code is not ResponseCode.OK else messages.discovery()
            )
            assert response.response_code is ResponseCode.OK
            await car.channel.close()

    virtual_time(scenario())


def test_another_contract_is_asked_about_anew(virtual_time: VirtualTime) -> None:
    async def scenario() -> None:
        source = Slow(delay_s=3.0)
        async with site() as place:
            place.charger.inquiry = Inquiry([source], place.charger.clock)
            car = await place.car(AC)
            await car.negotiate()
            await car.ask(messages.setup())
            offered = await car.ask(messages.authorization_setup())
            challenge = offered.pnc_as_res_authorization_mode.gen_challenge
            for number in (0, 1, 1, 1, 1, 1):
                contract = market20().contracts[number]
                request = messages.by_contract(challenge, market20().contract_chain(contract))
                response = await car.ask(request, key=contract.signer())
                if response.evse_processing is Processing.Finished:
                    break
            assert [question.emaid[:14] for question in source.questions] == list(EMAIDS[:2])
            (used,) = place.of("contract.used")
            assert used["emaid"].startswith(EMAIDS[1])
            await car.channel.close()

    virtual_time(scenario())
