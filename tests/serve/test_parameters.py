"""Names of query parameters: a misspelt or an earlier one is refused, not ignored."""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest

from serve.running import problem


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/tag?top=3", "top is now k"),
        ("/listen?labels=dog&top=all", "top is now k"),
        ("/listen?labls=dog", "'labls' is no parameter of this path; wanted labels, label, k, name"),
        ("/detect?k=3", "'k' is no parameter of this path; wanted name"),
        ("/embed?%s=1" % ("x" * 500), f"'{'x' * 40}' is no parameter"),
    ],
)
def test_a_parameter_that_the_path_has_not_is_refused(client: httpx.Client, sounds: Path, path: str, detail: str) -> None:
    assert problem(client.post(path, content=(sounds / "low.wav").read_bytes()), 422).startswith(detail)


def test_paths_without_parameters_take_none(client: httpx.Client) -> None:
    assert problem(client.get("/taught?k=1"), 422) == "'k' is no parameter of this path; wanted none"
    assert problem(client.get("/taught/hum/proposals?count=3"), 422) == "count is now k"
    assert client.get("/health?ping=1").status_code == 200
