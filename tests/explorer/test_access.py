"""Who may open the pages, and which requests may change something."""

import re
import stat
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from journeys_assets.explorer.access import MOST_BYTES, AccessError, is_loopback, token_of
from journeys_assets.explorer.api import api_app
from journeys_assets.explorer.app import explorer_app
from journeys_assets.explorer.feedback import SOURCE
from journeys_assets.explorer.serving import published_rows
from journeys_assets.explorer.sources import Sources

TOKEN = "a-token-of-this-test"
BASE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def guarded(sources: Sources) -> TestClient:
    return TestClient(explorer_app(sources, token=TOKEN), base_url="http://explorer.example", follow_redirects=False)


def proof_on(page: str) -> str:
    found = re.search(r'name="proof" value="(\w+)"', page)
    assert found
    return found.group(1)


@pytest.mark.parametrize("path", ["/", "/user?id=u000001", "/static/explorer.css", "/user/details?id=u000001"])
def test_without_the_token_nothing_is_shown(guarded: TestClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "journeys_token=wrong"}):
        assert guarded.get(path, headers=headers).status_code == 401
    assert guarded.get(f"{path}{'&' if '?' in path else '?'}token=wrong").status_code == 401
    assert guarded.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_address_with_the_token_leaves_a_cookie_and_no_token_in_the_address(sources: Sources) -> None:
    client = TestClient(explorer_app(sources, token=TOKEN), base_url="http://explorer.example", follow_redirects=False)
    answer = client.get(f"/themes?kind=evergreen&token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/themes?kind=evergreen")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/themes").status_code == 200


def test_the_same_token_opens_the_json_interface(home: Path, sources: Sources) -> None:
    rows = published_rows(home / "journeys.duckdb")
    client = TestClient(api_app(rows, sources.params.actions, token=TOKEN), base_url="http://explorer.example")
    refused = client.get("/v1/journeys?user=u000001")
    assert refused.status_code == 401
    assert "Bearer" in refused.json()["error"]
    assert client.get("/v1/status", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    rows.close()


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example", "", "[::1", "localhost@attacker.example"]
)
def test_without_a_token_only_a_loopback_name_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 421
    for own in ("localhost:8040", "[::1]:8040", "[::1]", "127.0.0.1"):
        assert client.get("/", headers={"Host": own}).status_code == 200


def test_what_a_page_may_load_is_nothing_but_its_own_files(client: TestClient) -> None:
    for path in ("/", "/static/explorer.js", "/nowhere"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert " style=" not in client.get("/user?id=u000001").text


def test_a_form_without_the_proof_of_this_session_changes_nothing(sources: Sources) -> None:
    client = TestClient(explorer_app(sources, token=None), base_url=BASE, follow_redirects=False)
    form = {"user": "u000002", "journey": "j000002-1", "verdict": "mute"}
    folder = sources.feedback.landing / SOURCE
    before = sorted(folder.glob("*")) if folder.exists() else []
    other = TestClient(explorer_app(sources, token=None), base_url=BASE)
    proof = proof_on(client.get("/user?id=u000002").text)
    assert client.post("/user/feedback", data=form).status_code == 403
    assert client.post("/user/feedback", data=form | {"proof": "0" * 64}).status_code == 403
    assert other.post("/user/feedback", data=form | {"proof": proof}).status_code == 403
    from_elsewhere = {"Origin": "http://attacker.example"}
    assert client.post("/user/feedback", data=form | {"proof": proof}, headers=from_elsewhere).status_code == 403
    assert client.post("/user/feedback", data=form | {"proof": proof, "x": "y" * MOST_BYTES}).status_code == 413
    assert client.post("/user/feedback", data=form | {"proof": proof, "verdict": "hate"}).status_code == 400
    assert client.get("/user/feedback").status_code == 405
    assert (sorted(folder.glob("*")) if folder.exists() else []) == before
    assert client.post("/user/feedback", data=form | {"proof": proof}, headers={"Origin": BASE}).status_code == 303


@pytest.mark.parametrize(
    ("host", "is_own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("127.8.8.8", True), ("0.0.0.0", False), ("x", False)],
)
def test_which_addresses_only_this_machine_reaches(host: str, is_own: bool) -> None:
    assert is_loopback(host) is is_own


def test_the_token_is_made_once_and_is_its_owners(tmp_path: Path) -> None:
    token = token_of(tmp_path / "home")
    path = tmp_path / "home" / "explorer.token"
    assert len(token) >= 32
    assert token_of(tmp_path / "home") == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("short\n")
    with pytest.raises(AccessError, match="delete it"):
        token_of(tmp_path / "home")
