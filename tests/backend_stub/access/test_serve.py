"""A closed market as a process, and our commands as its clients."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from pki.entropy import SystemEntropy
from pki.hierarchy import Hierarchy
from tests.backend_stub.server import run, serving

pytestmark = pytest.mark.system


def test_a_closed_market(tmp_path: Path) -> None:
    pki, clients = tmp_path / "pki", str(tmp_path / "clients.json")
    Hierarchy.create(now=datetime.now(UTC) - timedelta(hours=1), entropy=SystemEntropy()).save(pki)
    for role, identifier in (("oem", "PNC"), ("msp", "DEPNC"), ("cpo", "DEABC")):
        target = str(tmp_path / f"{role}.json")
        added = run(
            "client", "add", "--clients", clients, "--role", role, "--id", identifier, "--credentials", target
        )
        assert added.returncode == 0, added.stderr
    with serving(pki, tmp_path / "market.db", "--clients", clients) as server:

        def build(credentials: str, folder: str) -> tuple[int, str, str]:
            options = ("--credentials", str(tmp_path / credentials)) if credentials else ()
            done = run(
                "oem", "build", "--url", server.url, "--out", str(tmp_path / folder), "--json", *options
            )
            return done.returncode, done.stdout, done.stderr

        code, out, _ = build("oem.json", "car")
        assert code == 0
        pcid = json.loads(out)["pcid"]
        credentials = ("--url", server.url, "--credentials", str(tmp_path / "msp.json"))
        onboarded = run("msp", "onboard", *credentials, "--pcid", pcid, "--json")
        assert onboarded.returncode == 0, onboarded.stderr
        for name, said in (("", "UNAUTHENTICATED"), ("cpo.json", "FORBIDDEN")):
            code, _, error = build(name, "none")
            assert (code, said in error) == (5, True), error
        for content, mode, code, said in (
            ('{"client_id": "x", "client_secret": "y"}', 0o600, 5, "invalid_client"),
            ('{"client_id": "x", "client_secret": "y"}', 0o644, 2, "chmod 600"),
            ("{", 0o600, 2, "must be JSON"),
        ):
            wrong = tmp_path / "wrong.json"
            wrong.write_text(content)
            wrong.chmod(mode)
            found, _, error = build("wrong.json", "none")
            assert (found, said in error) == (code, True), error
        # A client that is removed is out at once, with the token that it has.
        account = json.loads((tmp_path / "cpo.json").read_text())
        with httpx.Client(base_url=server.url) as http:
            form = {"grant_type": "client_credentials"}
            token = http.post(
                "/oauth/token", data=form, auth=(account["client_id"], account["client_secret"])
            ).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}
            assert http.get("/v1/root/rootCerts", headers=headers).status_code == 200
            removed = run("client", "remove", "--clients", clients, account["client_id"])
            assert removed.returncode == 0
            assert http.get("/v1/root/rootCerts", headers=headers).status_code == 401
