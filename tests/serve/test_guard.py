"""Who may ask: the token, the names of this machine, other sites' pages; and what browsers are told."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest

from auricle.core.errors import InputError
from auricle.serve.settings import Settings, find_token
from serve.running import Serve, problem

TOKEN = "a-token-of-some-length"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_nothing_but_health_and_the_page_without_the_token(serve: Serve) -> None:
    client = serve(token=TOKEN)
    paths = client.get("/openapi.json", headers=bearer(TOKEN)).json()["paths"]
    assert len(paths) > 8
    for path, methods in paths.items():
        for method in methods:
            for headers in (
                {},
                bearer("a-token-of-some-lengtH"),
                bearer(TOKEN[:-1]),
                bearer(TOKEN + "x"),
                {"Authorization": "Bearer"},
                {"Authorization": f"Basic {TOKEN}"},
                bearer("ü"),
            ):
                answer = client.request(
                    method, path.replace("{id}", "0" * 32), headers={name: value.encode() for name, value in headers.items()}
                )
                if path == "/health":
                    assert answer.status_code == 200
                else:
                    assert "Bearer TOKEN" in problem(answer, 401) and answer.headers["www-authenticate"] == "Bearer"
    for path in ("/openapi.json", "/metrics", "/assets", "/nothing"):
        assert problem(client.get(path), 401)
    assert client.get("/").status_code in (200, 503)


def test_the_token_opens(serve: Serve, sounds: Path) -> None:
    client = serve(token=TOKEN)
    content = (sounds / "low.wav").read_bytes()
    assert client.post("/tag", content=content, headers=bearer(TOKEN)).status_code == 200
    assert client.get("/metrics", headers=bearer(TOKEN) | {"Host": "sounds.example.org"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::1",
        "0.0.0.0",
        "localhost@evil.example",
    ],
)
def test_another_name_for_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    """DNS rebinding: a site's own name, made to lead here."""
    for path in ("/", "/health", "/openapi.json", "/sound/" + "0" * 32):
        assert "another host" in problem(client.get(path, headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8765", "127.1.2.3", "[::1]:8765"])
def test_names_of_this_machine_are_let_in(client: httpx.Client, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null", "", "http://[", "file://"])
def test_posts_of_other_sites_are_refused(client: httpx.Client, origin: str) -> None:
    answer = client.post("/search", json={"text": "low tone"}, headers={"Origin": origin, "Host": "localhost:8765"})
    assert "another site" in problem(answer, 403)
    assert "access-control-allow-origin" not in answer.headers


def test_posts_of_our_own_page_are_let_in(client: httpx.Client) -> None:
    headers = {"Origin": "http://localhost:8765", "Host": "localhost:8765"}
    assert client.post("/search", json={"text": "low tone"}, headers=headers).status_code == 200


def test_no_other_site_may_read(client: httpx.Client) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in client.options("/search", headers=asked).headers
    assert "access-control-allow-origin" not in client.get("/health", headers=asked).headers


@pytest.mark.parametrize("path", ["/", "/health", "/assets/none.js", "/nothing", "/sound/" + "0" * 32])
def test_browsers_are_told_to_be_careful(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.0.7", "sounds.example.org"):
        with pytest.raises(InputError, match="AURICLE_TOKEN"):
            Settings(host=host)
        assert Settings(host=host, token=TOKEN).token == TOKEN
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert find_token(file, {"AURICLE_TOKEN": "another-token-of-some-length"}) == TOKEN
    assert find_token(None, {"AURICLE_TOKEN": TOKEN}) == TOKEN and find_token(None, {}) is None
    for unusable in ("", "short", "with a space in the middle", "ünïcödé-but-long-enough"):
        file.write_text(unusable)
        with pytest.raises(InputError, match="no valid token"):
            find_token(file, {})
    with pytest.raises(InputError, match="cannot be read"):
        find_token(tmp_path / "none", {})


def test_what_a_service_does_is_counted(serve: Serve, sounds: Path) -> None:
    client = serve()
    content = (sounds / "low.wav").read_bytes()
    assert client.post("/tag", content=content).status_code == 200
    client.post("/tag", content=b"no sound")
    for number in range(50):
        client.get(f"/made-up/{number}")
    text = client.get("/metrics").text
    assert 'auricle_requests_total{endpoint="/tag",status="200"} 1.0' in text
    assert 'auricle_requests_total{endpoint="/tag",status="422"} 1.0' in text
    assert 'auricle_requests_total{endpoint="other",status="404"} 50.0' in text and "made-up" not in text
    assert f"auricle_upload_bytes_total {len(content) + 8}.0" in text and "auricle_sound_seconds_total 3.0" in text
    assert 'auricle_request_seconds_count{endpoint="/tag"} 2.0' in text and "auricle_waiting_jobs 0.0" in text
