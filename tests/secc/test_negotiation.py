from dataclasses import replace

import pytest

from secc.iso2 import PROTOCOL
from secc.negotiation import negotiate
from tests.secc.kit import app_protocol
from v2g.messages.appprotocol import AppProtocol, ResponseCode, SupportedAppProtocolReq
from v2g.messages.iso2 import NAMESPACE as ISO2

OTHER = "urn:iso:std:iso:15118:-20:AC"
SECOND = replace(PROTOCOL, edition=replace(PROTOCOL.edition, name="second", namespace=OTHER, major=1))
FIRST = str(PROTOCOL)
OK, DEVIATION, FAILED = (
    ResponseCode.OK_SuccessfulNegotiation,
    ResponseCode.OK_SuccessfulNegotiationWithMinorDeviation,
    ResponseCode.Failed_NoNegotiation,
)


def ask(*offered: AppProtocol) -> SupportedAppProtocolReq:
    return SupportedAppProtocolReq(app_protocol=list(offered))


@pytest.mark.parametrize(
    ("offered", "code", "schema_id", "name"),
    [
        pytest.param([app_protocol(ISO2, 2, 0, 10)], OK, 10, FIRST, id="the only one"),
        pytest.param([app_protocol(ISO2, 2, 7, 3)], DEVIATION, 3, FIRST, id="another minor version"),
        pytest.param([app_protocol(ISO2, 3, 0)], FAILED, None, None, id="another major version"),
        pytest.param([app_protocol("urn:x", 2, 0)], FAILED, None, None, id="another namespace"),
        pytest.param(
            [app_protocol(ISO2, 2, 0, 1, 2), app_protocol(OTHER, 1, 0, 2, 1)],
            OK,
            2,
            "second",
            id="the car's priority, not the order of its list",
        ),
        pytest.param(
            [app_protocol(ISO2, 2, 0, 1, 1), app_protocol(OTHER, 1, 0, 2, 2)],
            OK,
            1,
            FIRST,
            id="nor the order of ours",
        ),
        pytest.param(
            [
                app_protocol("urn:x", 9, 9, 1, 1),
                app_protocol(OTHER, 1, 1, 2, 2),
                app_protocol(ISO2, 2, 0, 3, 3),
            ],
            DEVIATION,
            2,
            "second",
            id="what the charger does not know is passed over",
        ),
        pytest.param(
            [app_protocol(ISO2, 2, 0, 200, 5), app_protocol(OTHER, 1, 0, 100, 5)],
            OK,
            200,
            FIRST,
            id="of equal priorities the first in the list",
        ),
    ],
)
def test_the_choice(
    offered: list[AppProtocol], code: ResponseCode, schema_id: int | None, name: str | None
) -> None:
    chosen = negotiate(ask(*offered), (SECOND, PROTOCOL))
    assert chosen.response.response_code is code
    assert chosen.response.schema_id == schema_id
    assert (str(chosen.protocol) if chosen.protocol else None) == name
