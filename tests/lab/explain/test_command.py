"""``pnclab explain`` as a user types it: sound installations, those of known peers, and bad input."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448

import exi
from lab.cli import main
from lab.installation_pair import Pair, make_pair
from pki import store
from pki.defects import Bench, defect
from pki.entropy import SeededEntropy
from pki.profiles import Edition
from tests.v2g.security.material import NOW
from v2g.messages import iso2, iso20
from v2g.messages.iso20 import common_messages as cm
from v2g.messages.iso20.common_types import Processing, ResponseCode
from v2g.security.dialects import DIALECTS, Dialect
from v2g.security.signature import sign_certificate_installation_res

EDITIONS = pytest.mark.parametrize("edition", Edition)
AT = "2026-01-02"


@cache
def pair(edition: Edition, name: str = "standard") -> Pair:
    return make_pair(edition, now=NOW, entropy=SeededEntropy(31), dialect=DIALECTS[name])


@dataclass
class Told:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def step(self, part: str, name: str) -> dict[str, Any]:
        (found,) = (step for step in self.json["steps"] if (step["part"], step["step"]) == (part, name))
        assert isinstance(found, dict)
        return found

    @property
    def failed(self) -> dict[str, str]:
        """The failed steps with the dialects in which they would hold."""
        steps = self.json["steps"]
        return {
            f"{step['part']}: {step['step']}": step["hint"] for step in steps if step["verdict"] == "failed"
        }


class Bed:
    """A folder with the files of one installation, and the command."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.place = place
        self.capsys = capsys

    def write(self, made: Pair, request: bytes | None = None, response: bytes | None = None) -> list[str]:
        (self.place / "req").write_bytes(made.request_exi if request is None else request)
        (self.place / "res").write_bytes(made.response_exi if response is None else response)
        store.write_key(self.place / "car.key", made.receiver_key)
        made.hierarchy.save(self.place / "pki", overwrite=True)
        return [str(self.place / "req"), str(self.place / "res")]

    def explain(self, *words: str) -> Told:
        code = main(["explain", *words])
        captured = self.capsys.readouterr()
        return Told(code, captured.out, captured.err)

    def all(self, made: Pair, *words: str, **changed: bytes) -> Told:
        files = self.write(made, **changed)
        key, trust = str(self.place / "car.key"), str(self.place / "pki")
        return self.explain(*files, "--key", key, "--trust", trust, "--at", AT, "--json", *words)


@pytest.fixture
def bed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bed:
    return Bed(tmp_path, capsys)


class TestSound:
    @EDITIONS
    def test_every_step_holds(self, edition: Edition, bed: Bed) -> None:
        told = bed.all(pair(edition))
        assert told.code == 0
        assert told.json["verdict"] == "ok"
        assert {step["verdict"] for step in told.json["steps"]} == {"ok", "note"}
        names = [f"{step['part']}: {step['step']}" for step in told.json["steps"]]
        for name in (
            "request: certificate chain",
            "request: SignedInfo",
            "request: signature value",
            "response: provider's chain",
            "response: signature",
            "response: contract chain",
            "envelope: receiver",
            "envelope: ECDH secret Z",
            "envelope: derived key K",
            "envelope: decryption",
            "envelope: key",
        ):
            assert name in names
        assert ("envelope: AAD" in names) == (edition is not Edition.ISO2)
        assert ("response: eMAID" in names) == (edition is Edition.ISO2)

    @EDITIONS
    def test_as_a_table(self, edition: Edition, bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "110")
        files = bed.write(pair(edition))
        told = bed.explain(*reversed(files), "--key", str(bed.place / "car.key"), "--at", AT)
        assert told.code == 0
        for words in ("request", "envelope", "OtherInfo: 015556", "--full", "no root to hold them against"):
            assert words in told.out
        assert "every step that could be taken holds; not taken: certificate chain," in told.out
        trusted = bed.explain(
            *files, "--key", str(bed.place / "car.key"), "--at", AT, "--trust", str(bed.place)
        )
        assert trusted.out.endswith("every step holds\n")

    @EDITIONS
    def test_secrets_only_when_asked_for(self, edition: Edition, bed: Bed) -> None:
        made = pair(edition)
        hidden = bed.all(made)
        shown = bed.all(made, "--show-secrets")
        secret = shown.step("envelope", "decryption")["facts"]["plaintext"]
        key = shown.step("envelope", "derived key K")["facts"]["K"]
        contract = made.contract.private_key()
        number = (
            contract.private_bytes_raw()[:56]
            if isinstance(contract, ed448.Ed448PrivateKey)
            else made.contract.signing_key().private_numbers().private_value.to_bytes(len(secret) // 2, "big")
        ).hex()
        assert secret == number
        assert secret not in hidden.out
        assert key not in hidden.out
        assert shown.step("envelope", "ECDH secret Z")["facts"]["Z"] not in hidden.out
        assert hidden.step("envelope", "decryption")["facts"]["plaintext"].startswith("hidden, ")

    def test_without_key_and_roots(self, bed: Bed) -> None:
        told = bed.explain(*bed.write(pair(Edition.ISO20)), "--json")
        assert told.code == 0
        assert told.step("envelope", "opening")["verdict"] == "skipped"
        assert told.step("response", "provider's chain")["verdict"] == "skipped"

    def test_the_response_alone(self, bed: Bed) -> None:
        _, response = bed.write(pair(Edition.ISO20))
        key = ["--key", str(bed.place / "car.key")]
        told = bed.explain(response, *key, "--json")
        assert told.failed == {"envelope: AAD": ""}
        assert "--pcid" in told.step("envelope", "AAD")["detail"]
        assert bed.explain(response, *key, "--pcid", "WMIKAT0123456789AB", "--json").code == 0

    def test_the_other_suite_is_opened_by_its_alternate_key_only(self, bed: Bed) -> None:
        made = pair(Edition.ISO20_ED448)
        files = bed.write(made)
        store.write_key(bed.place / "car.key", made.provisioning.private_key())
        told = bed.explain(*files, "--key", str(bed.place / "car.key"), "--json")
        assert "receiver.key" in told.step("envelope", "receiver")["detail"]


class TestForms:
    """Messages in every form in which they are captured."""

    @pytest.mark.parametrize("form", ["hex", "base64", "frame"])
    def test_files(self, form: str, bed: Bed) -> None:
        made = pair(Edition.ISO20)

        def formed(data: bytes) -> bytes:
            if form == "hex":
                return data.hex(" ").encode()
            if form == "base64":
                return base64.b64encode(data)
            # A widespread stack sends the request with the payload type of -2.
            return bytes.fromhex("01fe8001") + len(data).to_bytes(4, "big") + data

        told = bed.all(made, request=formed(made.request_exi), response=formed(made.response_exi))
        assert told.code == 0

    def test_hex_text(self, bed: Bed) -> None:
        made = pair(Edition.ISO2)
        told = bed.explain(made.request_exi.hex(), made.response_exi.hex(), "--json")
        assert told.code == 0
        assert bed.explain(made.response_exi.hex(), "--json").code == 0

    @pytest.mark.parametrize("role", ["evcc", "secc"])
    def test_a_trace_and_a_folder(self, role: str, bed: Bed) -> None:
        made = pair(Edition.ISO20)
        bed.write(made)
        self.trace(bed.place / "trace.jsonl", made, role, 1)
        for source in (bed.place, bed.place / "trace.jsonl"):
            told = bed.explain(str(source), "--key", str(bed.place / "car.key"), "--json")
            assert told.code == 0, told.err
            assert told.json["judged_at"] == "2026-03-01T00:00:00+00:00"

    @EDITIONS
    def test_the_folder_of_a_run(self, edition: Edition, bed: Bed) -> None:
        """What the demo leaves behind says where the car's key and the certificates are."""
        made = pair(edition)
        self.trace(bed.place / "trace.jsonl", made, "evcc", 1)
        made.hierarchy.save(bed.place / "pki")
        car = bed.place / "pki" / "vehicle"
        for file in ("oem/provisioning.key", "iso20/provisioning.key", "iso20/receiver.key"):
            (car / file).parent.mkdir(parents=True, exist_ok=True)
            store.write_key(car / file, made.receiver_key)
        told = bed.explain(str(bed.place), "--json")
        assert told.code == 0
        assert {step["verdict"] for step in told.json["steps"]} == {"ok", "note"}

    def test_several_in_one_trace(self, bed: Bed) -> None:
        self.trace(bed.place / "trace.jsonl", pair(Edition.ISO2), "evcc", 2)
        told = bed.explain(str(bed.place))
        assert told.code == 2
        assert "2 installations, choose one with --installation (1: 00:00:00; 2: 00:00:10)" in told.err
        assert bed.explain(str(bed.place), "--installation", "2").code == 0
        assert "there is no installation 3, only 2" in bed.explain(str(bed.place), "--installation", "3").err

    @staticmethod
    def trace(path: Path, made: Pair, role: str, count: int) -> None:
        lines = []
        for number in range(count):
            for kind, name, data in (
                ("sent", "CertificateInstallationReq", made.request_exi),
                ("received", "CertificateInstallationRes", made.response_exi),
            ):
                event = {"t": 1772323200.0 + 10 * number, "role": role, "connection": 1, "session": None}
                lines.append(json.dumps(event | {"kind": f"message.{kind}", "name": name, "exi": data.hex()}))
        other = {"t": 1772323300.0, "role": role, "kind": "message.sent", "name": "CertificateUpdateReq"}
        lines.append(json.dumps(other | {"exi": "no hex"}))
        path.write_text("\n".join([*lines, json.dumps({"t": 1.0, "role": "evcc", "kind": "other"})]) + "\n")


EXPECTED: dict[tuple[Edition, str], dict[str, str]] = {
    (Edition.ISO2, "wwcp"): {"envelope: key": "wwcp"},
    (Edition.ISO2, "libcbv2g"): {"response: digest of eMAID": "libcbv2g"},
    (Edition.ISO2, "x963"): {"envelope: key": "x963"},
    (Edition.ISO20, "wwcp"): {
        "request: signature value": "wwcp",
        "response: signature value": "wwcp",
        "envelope: decryption": "wwcp",
    },
    (Edition.ISO20, "aad-lower"): {"envelope: decryption": "aad-lower"},
    (Edition.ISO20, "signed-body"): {},
    (Edition.ISO20_ED448, "wwcp"): {
        "request: signature method": "wwcp",
        "request: signature value": "wwcp",
        "response: signature method": "wwcp",
        "response: signature value": "wwcp",
        "envelope: decryption": "wwcp",
    },
    (Edition.ISO20_ED448, "x448-reversed"): {"envelope: key": "x448-reversed"},
}


class TestDialects:
    @pytest.mark.parametrize(("edition", "name"), EXPECTED)
    def test_the_dialect_is_found_and_holds(self, edition: Edition, name: str, bed: Bed) -> None:
        made = pair(edition, name)
        told = bed.all(made)
        assert told.failed == EXPECTED[edition, name]
        assert told.code == (1 if told.failed else 0)
        assert bed.all(made, "--dialect", name).code == 0

    def test_a_combination_that_nobody_is_known_to_use(self, bed: Bed) -> None:
        other = Dialect("other", "", kdf_iso20=DIALECTS["x963"].kdf_iso20, aad=DIALECTS["aad-raw"].aad)
        made = make_pair(Edition.ISO20, now=NOW, entropy=SeededEntropy(31), dialect=other)
        told = bed.all(made)
        assert told.failed == {
            "envelope: decryption": "no named dialect, but kdf_iso20=x963, aad=pcid-ski-raw"
        }

    def test_keys_of_iso2_in_iso20(self, bed: Bed) -> None:
        """As a widespread stack has it: P-256 certificates and 64-byte signatures."""
        made = pair(Edition.ISO20)
        old = pair(Edition.ISO2)
        request = exi.decode(made.request_exi, iso20.COMMON_MESSAGES)
        assert isinstance(request, cm.CertificateInstallationReq)
        chain = request.oem_provisioning_certificate_chain
        from cryptography.hazmat.primitives.serialization import Encoding

        from v2g.security.signature_iso20 import sign_certificate_installation_req

        chain.certificate = old.provisioning.certificate.public_bytes(Encoding.DER)
        chain.sub_certificates = None
        request.header.signature = sign_certificate_installation_req(
            request, old.provisioning.signing_key(), DIALECTS["ecog"]
        )
        told = bed.all(made, request=exi.encode(request, iso20.COMMON_MESSAGES))
        ecog = "ecog (certificates of -2 in -20)"
        assert told.failed["request: certificate chain"] == ecog
        assert told.failed["request: suite"] == ecog
        assert told.step("request", "signature value")["verdict"] == "ok"

    @EDITIONS
    def test_the_screen_names_it(self, edition: Edition, bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "110")
        files = bed.write(pair(edition, "wwcp"))
        told = bed.explain(*files, "--key", str(bed.place / "car.key"), "--full")
        assert told.code == 1
        assert "would hold in the dialect: wwcp" in told.out
        assert "steps fail" in told.out or "one step fails" in told.out


def signed_bundle(change: str) -> bytes:
    """A -2 response with something wrong in it, signed by the right provider."""
    made = pair(Edition.ISO2)
    message = exi.decode(made.response_exi, iso2.SCHEMA)
    assert isinstance(message, iso2.V2G_Message)
    body = message.body.body_element
    assert isinstance(body, iso2.CertificateInstallationRes)
    if change == "emaid":
        body.emaid.value = "DE83DUIEN83QGZX"
    elif change == "point":
        body.dh_public_key.value = body.dh_public_key.value[:-1] + b"\x00"
    elif change == "code":
        body.response_code = iso2.ResponseCode.FAILED_NoCertificateAvailable
    key = made.hierarchy["cps_leaf"].signing_key()
    message.header.signature = None if change == "unsigned" else sign_certificate_installation_res(body, key)
    return exi.encode(message, iso2.SCHEMA)


class TestFaults:
    @pytest.mark.parametrize(
        ("change", "step"),
        [
            ("emaid", "response: eMAID"),
            ("point", "envelope: DH public key"),
            ("code", "response: response code"),
            ("unsigned", "response: signature"),
        ],
    )
    def test_in_a_bundle(self, change: str, step: str, bed: Bed) -> None:
        told = bed.all(pair(Edition.ISO2), response=signed_bundle(change))
        assert told.failed == {step: ""}
        assert told.code == 1

    def test_changed_on_the_way(self, bed: Bed) -> None:
        made = pair(Edition.ISO20)
        response = exi.decode(made.response_exi, iso20.COMMON_MESSAGES)
        assert isinstance(response, cm.CertificateInstallationRes)
        sealed = response.signed_installation_data.secp521_encrypted_private_key
        assert sealed is not None
        response.signed_installation_data.secp521_encrypted_private_key = sealed[:-1] + bytes(
            [sealed[-1] ^ 1]
        )
        told = bed.all(made, response=exi.encode(response, iso20.COMMON_MESSAGES))
        assert told.failed == {"response: digest of SignedInstallationData": "", "envelope: decryption": ""}
        step = told.step("response", "digest of SignedInstallationData")
        assert step["facts"]["expected (in the message)"] != step["facts"]["found (computed)"]

    def test_for_a_tpm(self, bed: Bed) -> None:
        made = pair(Edition.ISO20)
        response = exi.decode(made.response_exi, iso20.COMMON_MESSAGES)
        assert isinstance(response, cm.CertificateInstallationRes)
        data = response.signed_installation_data
        data.secp521_encrypted_private_key, data.tpm_encrypted_private_key = None, bytes(206)
        told = bed.all(made, response=exi.encode(response, iso20.COMMON_MESSAGES))
        assert "TPM 2.0" in told.step("envelope", "form")["detail"]

    def test_a_warning(self, bed: Bed) -> None:
        made = pair(Edition.ISO20)
        response = exi.decode(made.response_exi, iso20.COMMON_MESSAGES)
        assert isinstance(response, cm.CertificateInstallationRes)
        response.response_code = ResponseCode.WARNING_NoCertificateAvailable
        told = bed.all(made, response=exi.encode(response, iso20.COMMON_MESSAGES))
        assert "WARNING_NoCertificateAvailable" in told.step("response", "response code")["detail"]

    def test_a_response_that_asks_to_be_asked_again(self, bed: Bed) -> None:
        """It is passed over in a trace, and said to be one by itself."""
        made = pair(Edition.ISO20)
        response = exi.decode(made.response_exi, iso20.COMMON_MESSAGES)
        assert isinstance(response, cm.CertificateInstallationRes)
        response.evse_processing = Processing.Ongoing
        waiting = exi.encode(response, iso20.COMMON_MESSAGES)
        told = bed.all(made, response=waiting)
        assert told.code == 2
        assert "EVSEProcessing=Ongoing" in told.err
        TestForms.trace(bed.place / "trace.jsonl", made, "evcc", 1)
        first, *rest = (bed.place / "trace.jsonl").read_text().splitlines()
        again = (
            first.replace("sent", "received")
            .replace("Req", "Res")
            .replace(made.request_exi.hex(), waiting.hex())
        )
        (bed.place / "trace.jsonl").write_text("\n".join([first, again, first, *rest]) + "\n")
        assert bed.explain(str(bed.place / "trace.jsonl")).code == 0

    def test_the_key_of_another_car(self, bed: Bed) -> None:
        files = bed.write(pair(Edition.ISO20))
        store.write_key(
            bed.place / "car.key",
            SeededEntropy(2).ec_key(pair(Edition.ISO20).hierarchy["cps_leaf"].signing_key().curve),
        )
        told = bed.explain(*files, "--key", str(bed.place / "car.key"), "--json")
        assert "does not belong to DC=OEM" in told.step("envelope", "receiver")["detail"]

    def test_expired_meanwhile(self, bed: Bed) -> None:
        told = bed.all(pair(Edition.ISO20), "--at", "2027-01-01T00:00:00Z")
        assert told.failed == {"response: provider's chain": ""}
        assert "expired: DC=CPS,O=PnC Lab,CN=CPS Leaf" in told.step("response", "provider's chain")["detail"]

    def test_a_chain_that_does_not_hang_together(self, bed: Bed) -> None:
        """Without roots, too, it shows that somebody else signed."""
        made = pair(Edition.ISO20)
        wrong = defect("wrong_signature").make(
            Bench(
                made.hierarchy, Edition.ISO20.profiles["oem_provisioning"], made.pcid, NOW, SeededEntropy(5)
            )
        )
        request = exi.decode(made.request_exi, iso20.COMMON_MESSAGES)
        assert isinstance(request, cm.CertificateInstallationReq)
        from cryptography.hazmat.primitives.serialization import Encoding

        request.oem_provisioning_certificate_chain.certificate = wrong.leaf.certificate.public_bytes(
            Encoding.DER
        )
        files = bed.write(made, request=exi.encode(request, iso20.COMMON_MESSAGES))
        told = bed.explain(*files, "--json")
        assert "is not signed by" in told.step("request", "certificate chain")["detail"]


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["/nowhere/req", "/nowhere/res"], "/nowhere/req: No such file"),
            (["{req}"], "the response of the installation is missing"),
            (["{res}", "{res}"], "one response, not two"),
            (["{req}", "{res}", "{res}"], "not 3 messages"),
            (
                ["8098020fc29c7096f53a259008"],
                "no message of ISO 15118-2 or -20|is no message of a certificate",
            ),
            (["{req}", "{other}"], "CertificateInstallationReq is not the request of|is not the request"),
            (["{req}", "{res}", "--key", "{req}"], "not a private key"),
            (["{req}", "{res}", "--trust", "{empty}"], "no certificate file"),
            (["{req}", "{res}", "--trust", "{req}"], "req: "),
            (["{empty}"], "trace.jsonl"),
        ],
    )
    def test_is_one_line_and_exit_code_2(self, words: list[str], reason: str, bed: Bed) -> None:
        import re

        request, response = bed.write(pair(Edition.ISO20))
        (bed.place / "empty").mkdir()
        (bed.place / "other").write_bytes(pair(Edition.ISO2).response_exi)
        names = {
            "req": request,
            "res": response,
            "empty": str(bed.place / "empty"),
            "other": str(bed.place / "other"),
        }
        told = bed.explain(*(word.format(**names) for word in words))
        assert told.code == 2
        assert told.out == ""
        assert told.err.startswith("pnclab explain: ")
        assert told.err.count("\n") == 1
        assert re.search(reason, told.err)

    def test_a_time_that_is_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as caught:
            main(["explain", "x", "--at", "yesterday"])
        assert caught.value.code == 2
        assert "'yesterday' is no time" in capsys.readouterr().err

    def test_a_trace_without_installation(self, bed: Bed) -> None:
        (bed.place / "trace.jsonl").write_text(json.dumps({"t": 1.0, "role": "evcc", "kind": "other"}) + "\n")
        assert "no certificate installation in this trace" in bed.explain(str(bed.place)).err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "--help"])
    out = capsys.readouterr().out
    assert "pnclab explain runs/latest" in out
    assert "exit codes" in out
