"""Conditional GET."""

import pytest

from tests.backend_stub.material import World

ROOTS = "/v1/root/rootCerts"


@pytest.mark.parametrize("path", [ROOTS, "/cps/signer", "/v1/root/ctl", "/opnc/v1/rcp/rootcertificates"])
async def test_who_has_it_already_is_told_so(world: World, path: str) -> None:
    first = await world.http.get(path)
    tag = first.headers["etag"]
    assert (await world.http.get(path)).headers["etag"] == tag
    for asked in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = await world.http.get(path, headers={"If-None-Match": asked})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["vary"] == "Authorization"
        assert "x-trace-id" in again.headers
        assert "content-type" not in again.headers
    assert (await world.http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_change_changes_the_tag(world: World) -> None:
    car = await world.build()
    path = f"/v1/ccp/signedContractData/{car.pcid}"
    before = (await world.http.get(path)).headers["etag"]
    await world.market.msp.onboard(car.pcid)
    after = await world.http.get(path, headers={"If-None-Match": before})
    assert after.status_code == 200
    assert after.headers["etag"] != before


async def test_refusals_and_other_methods_have_no_tag(world: World) -> None:
    assert "etag" not in (await world.http.get("/v1/ccp/lookupContract/DEPNC0000000015")).headers
    assert "etag" not in (await world.http.post("/oauth/token", json={})).headers
