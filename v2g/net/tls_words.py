"""OpenSSL's reasons in plain words."""

import re
import ssl

NOT_ACCEPTED = "the peer's certificate is not accepted"
_WORDS = {
    "NO_SHARED_CIPHER": "the peer offers none of the cipher suites that we accept",
    "NO_CIPHERS_AVAILABLE": "no cipher suite is left for this TLS version",
    "UNSUPPORTED_PROTOCOL": "the peer does not speak the TLS version that we ask for",
    "VERSION_TOO_LOW": "the peer speaks an older TLS version than we accept",
    "VERSION_TOO_HIGH": "the peer speaks a newer TLS version than we accept",
    "WRONG_VERSION_NUMBER": "what the peer sends is not TLS",
    "HTTP_REQUEST": "the peer speaks plain HTTP",
    "HTTPS_PROXY_REQUEST": "the peer speaks plain HTTP",
    "UNEXPECTED_EOF_WHILE_READING": "the peer closed the connection during the handshake",
    "UNKNOWN_PROTOCOL": "what the peer sends is not TLS",
    "RECORD_LAYER_FAILURE": "the peer sent a damaged record",
    "BAD_RECORD_TYPE": "what the peer sends is not TLS",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "a record was changed on its way",
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the peer sent no certificate",
    "NO_SHARED_GROUP": "the peer offers none of the groups that we accept",
    "NO_SUITABLE_KEY_SHARE": "the peer offers none of the groups that we accept",
    "NO_SUITABLE_GROUPS": "the peer offers none of the groups that we accept",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "the peer cannot check signatures of our kind of certificate",
    "NO_PROTOCOLS_AVAILABLE": "no TLS version is left",
    "WRONG_SIGNATURE_TYPE": "the peer signed with an algorithm that its certificate is not for",
    "WRONG_CURVE": "the peer offers none of the curves that we accept",
    "EE_KEY_TOO_SMALL": "the certificate's key is too small",
    "CA_KEY_TOO_SMALL": "the key of a certificate in the chain is too small",
    "PROTOCOL_IS_SHUTDOWN": "the connection has been shut down",
}
_ALERTS = {
    "HANDSHAKE_FAILURE": "no common cipher suite or parameters",
    "UNKNOWN_CA": "it does not trust the root of our certificate chain",
    "CERTIFICATE_EXPIRED": "our certificate has expired",
    "CERTIFICATE_REVOKED": "our certificate is revoked",
    "CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "BAD_CERTIFICATE": "our certificate is malformed or its signature wrong",
    "UNSUPPORTED_CERTIFICATE": "it cannot use this kind of certificate",
    "CERTIFICATE_REQUIRED": "it asks for a certificate and got none",
    "PROTOCOL_VERSION": "it does not speak our TLS version",
    "INSUFFICIENT_SECURITY": "our cipher suites are too weak for it",
    "DECRYPT_ERROR": "a signature or a Finished message did not verify",
    "INTERNAL_ERROR": "it failed inside",
    "ACCESS_DENIED": "it denies access",
}
_ALERT = re.compile(r"(?:SSL|TLS)V\d+_ALERT_(\w+)")


def explain(error: ssl.SSLError) -> str:
    """Say in plain words why TLS failed; OpenSSL's own reason follows in parentheses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{NOT_ACCEPTED}: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return _WORDS["UNEXPECTED_EOF_WHILE_READING"]
    code = error.reason or ""
    alert = _ALERT.fullmatch(code)
    if alert is not None:
        name = alert.group(1)
        words = _ALERTS.get(name, name.lower().replace("_", " "))
        return f"the peer refuses: {words} ({code})"
    words = _WORDS.get(code)
    if words is None:
        return code.lower().replace("_", " ") or str(error)
    return f"{words} ({code})"
