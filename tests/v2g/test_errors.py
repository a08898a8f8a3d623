"""Errors carry facts in fields and say them in one line."""

import pytest

from v2g import errors


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (errors.FramingError("0 bytes announced", "length"), "V2GTP length: 0 bytes announced"),
        (
            errors.MessageError("no such code", "/V2G_Message/Body", 17),
            "/V2G_Message/Body at bit 17: no such code",
        ),
        (errors.MessageError("empty", "", None), "/: empty"),
        (
            errors.SequenceError("WaitForAuthorization", "SessionStopReq"),
            "SessionStopReq is not admitted in state WaitForAuthorization",
        ),
        (errors.V2GTimeout("V2G_EVCC_Msg_Timeout", 0.25), "V2G_EVCC_Msg_Timeout expired after 0.25 s"),
        (errors.ResponseCodeError("AuthorizationRes", "FAILED"), "AuthorizationRes carries FAILED"),
        (
            errors.ConnectError("[::1]:1", "Connection refused"),
            "cannot connect to [::1]:1: Connection refused",
        ),
        (errors.TlsError("no common cipher suite", "X"), "TLS: no common cipher suite"),
        (
            errors.InterfaceError("there is no interface x", ("lo", "eth0")),
            "there is no interface x (interfaces found: lo; eth0)",
        ),
        (errors.InterfaceError("nothing"), "nothing (interfaces found: none)"),
        (errors.DiscoveryError("no charger answered", 50), "SECC discovery: no charger answered"),
        (errors.ConnectionClosedError("gone"), "gone"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_says_its_facts(error: errors.V2GError, text: str) -> None:
    assert isinstance(error, errors.V2GError)
    assert str(error) == text
