"""The OpenAPI document is true: requests made from it find no error of ours, and no answer that it does not tell of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import hypothesis
import jsonschema_rs
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS: list[Callable[..., Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    unsupported_method,
]
OPERATIONS = 10
SETTINGS = hypothesis.settings(
    max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)


def document(client: httpx.Client) -> Any:
    return schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


@pytest.mark.slow
def test_every_operation_answers_as_the_document_says(client: httpx.Client) -> None:
    schema = document(client)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= OPERATIONS
    for operation in operations:

        @hypothesis.settings(
            max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
        def asked(case: schemathesis.Case) -> None:
            case.call_and_validate(checks=CHECKS)

        asked()


def test_the_document_tells_of_every_route_of_the_service(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    told = {route.path for route in client.app.routes if getattr(route, "include_in_schema", False)}  # type: ignore[attr-defined]
    assert {"/health", "/metrics", "/listen", "/tag", "/detect", "/embed", "/search", "/search/sound", "/sound/{id}"} <= set(paths)
    assert told <= set(paths)


@pytest.mark.parametrize("path", ["/listen", "/tag", "/detect", "/embed"])
def test_what_is_heard_is_as_the_document_says(client: httpx.Client, sounds: Path, path: str) -> None:
    """Made-up bodies hold no sound, so that these answers need one."""
    told = client.get("/openapi.json").json()
    said = told["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    content = (sounds / "long.wav").read_bytes()
    for body in (content, content[:-30_000]):
        if path != "/embed" or body is content:
            answer = client.post(path, params={"labels": "deep hum"} if path == "/listen" else {}, content=body)
            assert answer.status_code == 200
            jsonschema_rs.validator_for(said | {"components": told["components"]}).validate(answer.json())
            fields = told["components"]["schemas"][said["$ref"].rpartition("/")[2]]["properties"]
            assert set(answer.json()) <= set(fields)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_that_loads_from_elsewhere(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404
