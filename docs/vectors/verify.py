"""Check the vectors beside this file, with nothing but Python's standard library and the ``openssl`` command.

No code of the project that made the vectors is used: chains, signatures and key agreement are OpenSSL's business,
the rest (key derivation, GCM, DER where OpenSSL wants it) is written out below in the plainest way.

    python verify.py            every folder beside this file
    python verify.py iso20      one of them

Exit codes: 0 everything agrees, 1 something does not, 2 no openssl or no vectors.
"""

# ruff: noqa: INP001 - a program beside its data, in no package

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

OPENSSL = shutil.which("openssl") or ""

# Headers of DER structures around raw keys. They are constant, because the lengths are.
PUBLIC = {
    "prime256v1": "3059301306072a8648ce3d020106082a8648ce3d030107034200",
    "secp521r1": "30819b301006072a8648ce3d020106052b8104002303818600",
    "x448": "3042300506032b656f033900",
}
PRIVATE = {
    "prime256v1": ("30310201010420", "a00a06082a8648ce3d030107"),
    "secp521r1": ("30500201010442", "a00706052b81040023"),
    "ed448": ("3047020100300506032b6571043b0439", ""),
}


class DisagreementError(Exception):
    """A value is not what it should be."""


def openssl(*words: object, data: bytes = b"") -> bytes:
    """Run the command and return what it prints; what it says when it fails is the error."""
    done = subprocess.run(  # noqa: S603 - a fixed program, no shell
        [OPENSSL, *map(str, words)], input=data, capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        raise DisagreementError(f"openssl {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def check(holds: bool, what: str) -> None:
    """Raise unless something holds."""
    if not holds:
        raise DisagreementError(what)


def equal(found: object, expected: object, what: str) -> None:
    """Raise unless two values are the same."""
    check(found == expected, f"{what}: {found!r}, expected {expected!r}")


class Vector:
    """One folder."""

    def __init__(self, folder: Path, scratch: str) -> None:
        self.folder = folder
        self.scratch = Path(scratch)
        self.told: dict[str, Any] = json.loads((folder / "vector.json").read_text(encoding="utf-8"))
        self.edition: str = self.told["edition"]
        self.curve = {"iso2": "prime256v1", "iso20": "secp521r1", "iso20-ed448": "x448"}[self.edition]

    def pem(self, name: str) -> Path:
        """Return the file of a certificate."""
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        """Return the file of a private key."""
        return self.folder / f"{name}.key"

    def write(self, name: str, data: bytes) -> Path:
        """Write a file that openssl is to read."""
        place = self.scratch / name
        place.write_bytes(data)
        return place

    def public_of(self, certificate: str) -> bytes:
        """Return the public key of a certificate, as PEM."""
        return openssl("x509", "-in", self.pem(certificate), "-noout", "-pubkey")

    # --- steps ---------------------------------------------------------------------------------------

    def chains(self) -> Iterator[str]:
        """Check every chain up to its root, on the day that the vector names."""
        moment = int(datetime.fromisoformat(self.told["judge_at"]).timestamp())
        for leaf, *above, root in self.told["chains"]:
            untrusted = self.write("untrusted.pem", b"".join(self.pem(name).read_bytes() for name in above))
            words: list[object] = [
                "verify",
                "-x509_strict",
                "-check_ss_sig",
                "-attime",
                moment,
                "-CAfile",
                self.pem(root),
            ]
            openssl(*words, "-untrusted", untrusted, self.pem(leaf))
            yield f"chain of {leaf}"

    def private_keys(self) -> Iterator[str]:
        """Check that every private key belongs to the certificate beside it."""
        for certificate in sorted(self.folder.glob("*.pem")):
            name = certificate.stem
            equal(openssl("pkey", "-in", self.key(name), "-pubout"), self.public_of(name), f"key of {name}")
        yield "private keys"

    def messages(self) -> Iterator[str]:
        """Check files, digests, references and signatures of each message."""
        for message in self.told["messages"]:
            exi = bytes.fromhex(message["exi"])
            equal((self.folder / message["file"]).read_bytes(), exi, message["file"])
            info = bytes.fromhex(message["signed_info"])
            for reference in message["references"]:
                fragment = bytes.fromhex(reference["fragment"])
                digest = self.digest(fragment, message["digest_method"])
                equal(digest.hex(), reference["digest"], f"digest of {reference['element']}")
                # EXI is packed bit by bit: bytes stand at any bit offset.
                check(within(digest, info), f"the digest of {reference['element']} is not in SignedInfo")
                check(within(reference["id"].encode(), exi), f"Id {reference['id']} is not in the message")
                check(within(digest, exi), f"the digest of {reference['element']} is not in the message")
            for uri in (message["signature_method"], message["digest_method"]):
                check(within(uri.encode(), info), f"{uri} is not in SignedInfo")
            value = bytes.fromhex(message["signature_value"])
            check(within(value, exi), "the signature value is not in the message")
            self.signature(value, info, message)
            yield f"{message['name']}, {len(message['references'])} signed"

    def contents(self) -> Iterator[str]:
        """Check that certificates and envelope stand in the messages, and in what is signed of them."""
        request, response = (
            message for message in self.told["messages"] if "Installation" in message["name"]
        )
        provisioning, contract, provider = map(self.der, ("provisioning", "contract", "cps_leaf"))
        asked, answered = (bytes.fromhex(message["exi"]) for message in (request, response))
        check(within(provisioning, asked), "the provisioning certificate is not in the request")
        check(within(provider, answered), "the provider's certificate is not in the response")
        signed = [bytes.fromhex(reference["fragment"]) for reference in response["references"]]
        envelope = self.told["envelope"]
        for what, value in (
            ("contract certificate", contract),
            ("encrypted key", bytes.fromhex(envelope["field"])),
            ("DH public key", bytes.fromhex(envelope["dh_public_key"])),
        ):
            check(within(value, answered), f"the {what} is not in the response")
            check(any(within(value, fragment) for fragment in signed), f"the {what} is not signed")
        yield "contents of the messages"

    def envelope(self) -> Iterator[str]:
        """Go from Z to K to the plaintext, and check that the key in it is the certified one."""
        told = self.told["envelope"]
        public = bytes.fromhex(told["dh_public_key"])
        raw = public[:56] if self.curve == "x448" else public
        check(not any(public[len(raw) :]), "the padding of the DH public key is not zero")
        peer = self.write("peer.der", bytes.fromhex(PUBLIC[self.curve]) + raw)
        openssl("pkey", "-pubin", "-inform", "DER", "-in", peer, "-out", self.scratch / "peer.pem")
        secret = openssl(
            "pkeyutl", "-derive", "-inkey", self.key("receiver"), "-peerkey", self.scratch / "peer.pem"
        )
        equal(secret.hex(), told["z"], "Z")
        yield f"Z, {len(secret)} bytes"

        equal(told["other_info"], "015556", "OtherInfo")
        name, size = ("sha256", 16) if self.edition == "iso2" else ("sha512", 32)
        key = hashlib.new(name, bytes.fromhex("00000001") + secret + bytes.fromhex("015556")).digest()[:size]
        equal(key.hex(), told["k"], "K")
        words = ["-kdfopt", f"digest:{name.upper()}", "-kdfopt", f"hexkey:{secret.hex()}"]
        by_openssl = openssl("kdf", "-keylen", size, "-binary", *words, "-kdfopt", "hexinfo:015556", "SSKDF")
        equal(by_openssl.hex(), told["k"], "K by openssl kdf")
        yield f"K, {size} bytes"

        vector, ciphertext = bytes.fromhex(told["iv"]), bytes.fromhex(told["ciphertext"])
        if self.edition == "iso2":
            equal((vector + ciphertext).hex(), told["field"], "field")
            words = ["enc", "-d", "-aes-128-cbc", "-nopad", "-K", key.hex(), "-iv", vector.hex()]
            plaintext = openssl(*words, data=ciphertext)
        else:
            bound_to = self.told["pcid"].encode() + self.identifier().encode()
            equal(bound_to.hex(), told["aad"], "AAD")
            plaintext, tag = gcm_open(key, vector, ciphertext, bound_to)
            equal(tag.hex(), told["tag"], "tag")
            equal((vector + ciphertext + tag).hex(), told["field"], "field")
        equal(plaintext.hex(), told["plaintext"], "plaintext")
        yield f"plaintext, {len(plaintext)} bytes"

        kind = "ed448" if self.curve == "x448" else self.curve
        number = plaintext + b"\0" if kind == "ed448" else plaintext
        if kind == "secp521r1":
            check(plaintext[0] < 2, "the top seven bits are not zero")
        before, after = map(bytes.fromhex, PRIVATE[kind])
        private = self.write("contract.der", before + number + after)
        derived = openssl("pkey", "-inform", "DER", "-in", private, "-pubout")
        equal(derived, self.public_of("contract"), "the contract key")
        yield "the key is the certified one"

    # --- what the steps need -------------------------------------------------------------------------

    def der(self, name: str) -> bytes:
        """Return a certificate in DER."""
        return openssl("x509", "-in", self.pem(name), "-outform", "DER")

    def identifier(self) -> str:
        """Return the subject key identifier of the contract, 8 bytes as capital hex digits."""
        text = openssl("x509", "-in", self.pem("contract"), "-noout", "-ext", "subjectKeyIdentifier").decode()
        digits = text.split()[-1].replace(":", "").upper()
        equal(len(digits), 16, "length of the subject key identifier in digits")
        return digits

    def digest(self, data: bytes, method: str) -> bytes:
        """Return the digest that a URI names."""
        if method.endswith("#sha256"):
            return hashlib.sha256(data).digest()
        if method.endswith("#sha512"):
            return hashlib.sha512(data).digest()
        check(method == "urn:iso:std:iso:15118:-20:Security:xmlenc#SHAKE256", f"digest method {method}")
        return hashlib.shake_256(data).digest(64)

    def signature(self, value: bytes, data: bytes, message: dict[str, Any]) -> None:
        """Have OpenSSL check a signature value."""
        public = self.write("public.pem", self.public_of(message["signer"]))
        content = self.write("data", data)
        if message["signature_method"].endswith("Ed448"):
            equal(len(value), 114, "length of the signature value")
            words = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", content]
            openssl(*words, "-sigfile", self.write("value", value))
            return
        hashed = "-sha256" if message["signature_method"].endswith("ecdsa-sha256") else "-sha512"
        equal(len(value), 64 if hashed == "-sha256" else 132, "length of the signature value")
        half = len(value) // 2
        der = sequence(integer(value[:half]) + integer(value[half:]))
        openssl("dgst", hashed, "-verify", public, "-signature", self.write("value", der), content)


def within(part: bytes, whole: bytes) -> bool:
    """Say whether bytes stand in other bytes, at any bit offset."""
    haystack = int.from_bytes(whole, "big")
    for shift in range(8):
        shifted = (haystack << shift).to_bytes(len(whole) + 1, "big")
        if part in shifted:
            return True
    return False


def integer(number: bytes) -> bytes:
    """Return a number as a DER INTEGER."""
    content = number.lstrip(b"\0") or b"\0"
    if content[0] & 0x80:
        content = b"\0" + content
    return b"\x02" + bytes([len(content)]) + content


def sequence(content: bytes) -> bytes:
    """Return a DER SEQUENCE of at most 255 bytes."""
    length = bytes([len(content)]) if len(content) < 0x80 else b"\x81" + bytes([len(content)])
    return b"\x30" + length + content


def gcm_open(key: bytes, vector: bytes, ciphertext: bytes, bound_to: bytes) -> tuple[bytes, bytes]:
    """Return plaintext and tag of AES-256-GCM (NIST SP 800-38D); single blocks are OpenSSL's."""

    def blocks(data: bytes) -> bytes:
        words = ["enc", "-aes-256-ecb", "-nopad", "-K", key.hex()]
        return openssl(*words, data=data)

    def multiply(x: int, y: int) -> int:
        product = 0
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                product ^= y
            y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
        return product

    count = -(-len(ciphertext) // 16)
    counters = b"".join(vector + number.to_bytes(4, "big") for number in range(1, count + 2))
    stream = blocks(counters)
    plaintext = bytes(a ^ b for a, b in zip(ciphertext, stream[16:], strict=False))
    subkey = int.from_bytes(blocks(bytes(16)), "big")
    padded = bound_to + bytes(-len(bound_to) % 16) + ciphertext + bytes(-len(ciphertext) % 16)
    padded += (8 * len(bound_to)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    digest = 0
    for start in range(0, len(padded), 16):
        digest = multiply(digest ^ int.from_bytes(padded[start : start + 16], "big"), subkey)
    tag = bytes(a ^ b for a, b in zip(digest.to_bytes(16, "big"), stream[:16], strict=False))
    return plaintext, tag


def main(names: Sequence[str]) -> int:
    """Check the folders and say what was checked."""
    here = Path(__file__).resolve().parent
    folders = [here / name for name in names] or sorted(file.parent for file in here.glob("*/vector.json"))
    if not OPENSSL or not folders or not all((folder / "vector.json").is_file() for folder in folders):
        print("verify.py: needs the openssl command, and folders with a vector.json", file=sys.stderr)
        return 2
    wrong = 0
    for folder in folders:
        print(f"{folder.name}:")
        with tempfile.TemporaryDirectory() as scratch:
            vector = Vector(folder, scratch)
            steps = (vector.chains, vector.private_keys, vector.messages, vector.contents, vector.envelope)
            for step in steps:
                try:
                    for what in step():
                        print(f"  ok  {what}")
                except DisagreementError as error:
                    print(f"  BAD {step.__name__}: {error}")
                    wrong += 1
    print("everything agrees" if not wrong else f"{wrong} steps do not agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
