"""The page's files: served as they were built, with a word on how to build them where they are not there."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest

from serve.running import problem


def test_a_page_that_is_not_built(client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle.serve.page.FOLDER", tmp_path)
    answer = client.get("/")
    assert answer.status_code == 503 and "make page" in answer.text and answer.headers["content-type"].startswith("text/html")
    assert problem(client.get("/assets/page.js"), 404)


def test_the_page_as_it_was_built(client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "page"
    (folder / "assets" / "deep").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "assets" / "page.js").write_text("let x = 1")
    (folder / "assets" / "deep" / "style.css").write_text("a {}")
    (tmp_path / "secret").write_text("a secret")
    monkeypatch.setattr("auricle.serve.page.FOLDER", folder)
    page = client.get("/")
    assert page.status_code == 200 and page.text.startswith("<!doctype html>") and page.headers["content-type"].startswith("text/html")
    assert client.get("/assets/page.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/assets/deep/style.css").headers["content-type"].startswith("text/css")
    for name in ("../index.html", "..%2f..%2fsecret", "%2e%2e/%2e%2e/secret", str(tmp_path / "secret"), "deep", ""):
        assert b"secret" not in client.get(f"/assets/{name}").content
