"""Make the published vectors: ``python -m lab.vectors --out docs/vectors``.

One folder for each suite with certificates, keys, messages, and a ``vector.json`` with every intermediate value.
The same seed gives the same bytes on every machine whose ``cryptography`` derives ECDSA nonces after RFC 6979
(OpenSSL 3.2 or newer). What the files mean stands in ``docs/vectors/README.md``; ``docs/vectors/verify.py``
checks them without any code of this project.

The keys in there are no secret. They are for tests only.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import exi
from exi.schema import MessageSet, XsdType
from lab.installation_pair import SESSION_ID, Pair, make_pair
from pki.entropy import SeededEntropy, deterministic_ecdsa
from pki.keys import PrivateKey
from pki.profiles import Edition
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20 import common_types
from v2g.messages.xmldsig import Signature
from v2g.security import signature, signature_iso20
from v2g.security.dialects import Aad, Kdf
from v2g.security.envelope import (
    ISO2,
    ISO20,
    OTHER_INFO,
    Envelope,
    decrypted_iso2,
    derive_key,
    secret_iso2,
)
from v2g.security.envelope_iso20 import (
    GCM_IV,
    GCM_TAG,
    associated_data_iso20,
    gcm_open,
    secret_iso20,
    subject_key_identifier,
)
from v2g.security.installation_iso20 import envelope_of
from v2g.security.signature import SignedElement
from v2g.security.suites import ISO2 as SUITE_ISO2
from v2g.security.suites import Suite

SEED = 15118
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
_CHALLENGE = bytes(range(16))
_CBC_IV = 16


@dataclass(frozen=True, slots=True)
class _Message:
    """A signed message to be written down."""

    name: str
    message: XsdType
    schema: MessageSet
    signer: str
    suite: Suite
    signed: Signature
    elements: Sequence[SignedElement]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the vectors; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.vectors",
        description="Make the published vectors of certificate installation.",
        epilog="example: python -m lab.vectors --out docs/vectors",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("docs/vectors"), metavar="DIR", help="where (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=SEED, metavar="N", help="what keys follow from (%(default)s)"
    )
    options = parser.parse_args(argv)
    if not deterministic_ecdsa():
        print("lab.vectors: needs ECDSA after RFC 6979, so OpenSSL 3.2 or newer", file=sys.stderr)
        return 2
    try:
        for name, content in files(options.seed).items():
            place = options.out / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
    except OSError as error:
        print(f"lab.vectors: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"vectors in {options.out}; check them: python {options.out / 'verify.py'}")
    return 0


def files(seed: int = SEED) -> dict[str, bytes]:
    """Return the content of every file by its name below the folder of the vectors."""
    made: dict[str, bytes] = {}
    for edition in Edition:
        entropy = SeededEntropy(f"vectors {edition} {seed}".encode())
        pair = make_pair(edition, now=MADE_AT, entropy=entropy)
        for name, content in _files(pair, seed).items():
            made[f"{edition}/{name}"] = content
    return made


def _files(pair: Pair, seed: int) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    people = {**dict(pair.hierarchy), "provisioning": pair.provisioning, "contract": pair.contract}
    for name, identity in people.items():
        made[f"{name}.pem"] = identity.certificate.public_bytes(Encoding.PEM)
        made[f"{name}.key"] = _pem(identity.private_key())
    made["receiver.key"] = _pem(pair.receiver_key)
    messages = [*_installation(pair), _authorization(pair)]
    for message in messages:
        made[f"{message.name}.exi"] = exi.encode(message.message, message.schema)
    vector = {
        "format": 1,
        "warning": "The keys are published. Use them for tests only.",
        "edition": pair.edition.value,
        "seed": seed,
        "made_at": MADE_AT.isoformat(),
        "judge_at": (MADE_AT + timedelta(days=1)).isoformat(),
        "pcid": pair.pcid,
        "emaid": pair.emaid,
        "chains": _chains(pair),
        "messages": [_described(message, made[f"{message.name}.exi"]) for message in messages],
        "envelope": _envelope(pair),
    }
    made["vector.json"] = (json.dumps(vector, indent=1, ensure_ascii=False) + "\n").encode()
    return dict(sorted(made.items()))


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _chains(pair: Pair) -> list[list[str]]:
    """Return the names of each chain, leaf first, root last."""
    chains = []
    for leaf, above in (
        ("secc_leaf", "cpo_sub_ca2"),
        ("cps_leaf", "cps_sub_ca2"),
        ("provisioning", "oem_sub_ca2"),
        ("contract", "mo_sub_ca2"),
    ):
        chain = [leaf]
        step: str | None = above
        while step is not None:
            chain.append(step)
            step = pair.hierarchy.members[step].parent
        chains.append(chain)
    return chains


def _installation(pair: Pair) -> list[_Message]:
    """Return request and response with what is signed in them."""
    if pair.edition is Edition.ISO2:
        asked, answered = pair.request, pair.response
        assert isinstance(asked, iso2.V2G_Message)
        assert isinstance(answered, iso2.V2G_Message)
        request, response = asked.body.body_element, answered.body.body_element
        assert isinstance(request, iso2.CertificateInstallationReq)
        assert isinstance(response, iso2.CertificateInstallationRes)
        pairs: list[tuple[XsdType, XsdType, Signature | None, str, list[SignedElement]]] = [
            (asked, request, asked.header.signature, "provisioning", signature.request_elements(request)),
            (answered, response, answered.header.signature, "cps_leaf", signature.bundle_elements(response)),
        ]
    else:
        newer, answer = pair.request, pair.response
        assert isinstance(newer, cm.CertificateInstallationReq)
        assert isinstance(answer, cm.CertificateInstallationRes)
        chain, data = signature_iso20.chain_element(newer), signature_iso20.installation_element(answer)
        pairs = [
            (newer, newer, newer.header.signature, "provisioning", [chain]),
            (answer, answer, answer.header.signature, "cps_leaf", [data]),
        ]
    made = []
    for message, body, signed, signer, elements in pairs:
        assert signed is not None
        name = type(body).__name__
        made.append(_Message(name, message, _schema(pair), signer, _suite(pair), signed, elements))
    return made


def _authorization(pair: Pair) -> _Message:
    """Return an authorization with the contract, signed by its key."""
    message: XsdType
    if pair.edition is Edition.ISO2:
        body = iso2.AuthorizationReq(id="ID1", gen_challenge=_CHALLENGE)
        signed = signature.sign_authorization_req(body, pair.contract.signing_key())
        message = iso2.V2G_Message(
            header=iso2.MessageHeader(session_id=SESSION_ID, signature=signed),
            body=iso2.Body(body_element=body),
        )
        elements = signature.request_elements(body)
    else:
        leaf, *above = [pair.contract.certificate, *pair.hierarchy.chain("mo_sub_ca2")]
        request = cm.AuthorizationReq(
            header=common_types.MessageHeader(session_id=SESSION_ID, time_stamp=int(MADE_AT.timestamp())),
            selected_authorization_service=cm.Authorization.PnC,
            pnc_a_req_authorization_mode=cm.PnC_AReqAuthorizationMode(
                id="ID1",
                gen_challenge=_CHALLENGE,
                contract_certificate_chain=cm.ContractCertificateChain(
                    certificate=_der(leaf),
                    sub_certificates=cm.SubCertificates(certificate=[_der(item) for item in above]),
                ),
            ),
        )
        signed = signature_iso20.sign_authorization_req(request, pair.contract.signer())
        request.header.signature = signed
        message, elements = request, signature_iso20.authorization_elements(request)
    return _Message("AuthorizationReq", message, _schema(pair), "contract", _suite(pair), signed, elements)


def _described(message: _Message, encoded: bytes) -> dict[str, Any]:
    return {
        "name": message.name,
        "file": f"{message.name}.exi",
        "exi": encoded.hex(),
        "signer": message.signer,
        "signature_method": message.suite.signature_method,
        "digest_method": message.suite.digest_method,
        "references": [
            {
                "id": element.id,
                "element": element.name,
                "fragment": signature.element_fragment(element, message.schema).hex(),
                "digest": signature.element_digest(element, message.schema, message.suite).hex(),
            }
            for element in message.elements
        ],
        "signed_info": signature.signed_bytes(message.signed.signed_info).hex(),
        "signature_value": message.signed.signature_value.value.hex(),
    }


def _envelope(pair: Pair) -> dict[str, Any]:
    """Return every value on the way from Z to the contract key, and what other derivations would give."""
    scheme = ISO2 if pair.edition is Edition.ISO2 else ISO20
    envelope = _sealed(pair)
    field = envelope.encrypted_private_key
    made: dict[str, Any] = {
        "field": field.hex(),
        "dh_public_key": envelope.dh_public_key.hex(),
        "other_info": OTHER_INFO.hex(),
    }
    if pair.edition is Edition.ISO2:
        assert isinstance(pair.receiver_key, ec.EllipticCurvePrivateKey)
        secret = secret_iso2(envelope, pair.receiver_key)
        key = derive_key(secret, scheme)
        with decrypted_iso2(envelope, key) as opened:
            made |= {
                "cipher": "AES-128-CBC",
                "iv": field[:_CBC_IV].hex(),
                "ciphertext": field[_CBC_IV:].hex(),
            }
            made["plaintext"] = bytes(opened).hex()
    else:
        secret = secret_iso20(envelope, pair.receiver_key)
        key = derive_key(secret, scheme)
        identifier = subject_key_identifier(pair.contract.certificate)
        bound_to = associated_data_iso20(pair.pcid, identifier)
        with gcm_open(key, field, bound_to) as plaintext:
            made |= {
                "cipher": "AES-256-GCM",
                "iv": field[:GCM_IV].hex(),
                "ciphertext": field[GCM_IV:-GCM_TAG].hex(),
                "tag": field[-GCM_TAG:].hex(),
                "aad": bound_to.hex(),
                "ski": identifier.hex(),
                "plaintext": bytes(plaintext).hex(),
                "other_aads": {
                    form.value: associated_data_iso20(pair.pcid, identifier, form).hex()
                    for form in Aad
                    if form is not Aad.PCID_SKI
                },
            }
    made |= {"z": secret.hex(), "k": key.hex()}
    made["other_ks"] = {
        kdf.value: derive_key(secret, scheme, kdf).hex() for kdf in Kdf if kdf is not Kdf.CONCATENATION
    }
    return made


def _sealed(pair: Pair) -> Envelope:
    if isinstance(pair.response, cm.CertificateInstallationRes):
        return envelope_of(pair.response.signed_installation_data)
    assert isinstance(pair.response, iso2.V2G_Message)
    body = pair.response.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    return Envelope(body.contract_signature_encrypted_private_key.value, body.dh_public_key.value)


def _schema(pair: Pair) -> MessageSet:
    return iso2.SCHEMA if pair.edition is Edition.ISO2 else iso20.COMMON_MESSAGES


def _suite(pair: Pair) -> Suite:
    if pair.edition is Edition.ISO2:
        return SUITE_ISO2
    return signature_iso20.suite_for(pair.provisioning.signer())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


if __name__ == "__main__":
    sys.exit(main())
