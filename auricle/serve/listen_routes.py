"""Routes for uploads: /listen, /tag, /detect, /embed. Each responds with the JSON object that the command line prints."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from auricle.core.errors import InputError
from auricle.core.labels import split_labels
from auricle.core.records import Analysis
from auricle.listen.pipeline import Space
from auricle.serve.answers import AnalysisAnswer, Vector, analysis_json, vector_json
from auricle.serve.jobs import JobSpec
from auricle.serve.problems import Problem, problem_responses
from auricle.serve.service import Service, Serving
from auricle.signal.formats import format_names

router = APIRouter()
_BYTES = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
#: OpenAPI description of a streamed body.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"A recording: {format_names('libsndfile')}; where the service has the extra av also {format_names('av')}.",
        "content": {"application/octet-stream": {"schema": _BYTES}, "multipart/form-data": {"schema": _FORM}},
    }
}
RESPONSES = problem_responses(408, 413, 422, 429, 503)
_MOST_LABELS, _LONGEST_LABEL = 100, 500

UploadName = Annotated[str | None, Query(max_length=1000, description="Name of the recording in the response.")]
Count = Annotated[str, Query(pattern=r"^(all|[1-9][0-9]{0,3})$", description="Number of tags, best first, or all.")]
_AS_CSV = "Further labels in your own words, separated by commas; in double quotes where a label has a comma."
Labels = Annotated[list[str], Query(description=_AS_CSV, max_length=_MOST_LABELS)]
Label = Annotated[list[str], Query(description="One further label, exactly as written, also with commas.", max_length=_MOST_LABELS)]


@router.post("/listen", response_model=AnalysisAnswer, responses=RESPONSES, openapi_extra=BODY)
async def listen(
    service: Serving,
    request: Request,
    labels: Labels = [],  # noqa: B006
    label: Label = [],  # noqa: B006
    k: Count = "10",
    name: UploadName = None,
) -> Response:
    """Analyse a recording: which sounds it contains, when, and scores of your own labels."""
    names = _parse_labels(service, labels, label)
    if names:  # raises InputError here, before the job shares a batch with others
        await service.run_in_thread(lambda: service.listener.check_labels(names))
    return await _analyse(service, request, JobSpec(labels=names, top=_parse_count(k)), name)


@router.post("/tag", response_model=AnalysisAnswer, responses=RESPONSES, openapi_extra=BODY)
async def tag(service: Serving, request: Request, k: Count = "10", name: UploadName = None) -> Response:
    """Tag a recording: which sounds it contains."""
    return await _analyse(service, request, JobSpec(parts=("tags",), top=_parse_count(k)), name)


@router.post("/detect", response_model=AnalysisAnswer, responses=RESPONSES, openapi_extra=BODY)
async def detect(service: Serving, request: Request, name: UploadName = None) -> Response:
    """Detect sound events in a recording, with their times."""
    return await _analyse(service, request, JobSpec(parts=("events",)), name)


@router.post("/embed", response_model=Vector, responses=RESPONSES, openapi_extra=BODY)
async def embed(service: Serving, request: Request, space: Space = "words", name: UploadName = None) -> Response:
    """Embed a recording, for comparison with text or with other recordings."""
    async with service.receive(request, name) as upload:
        vector = await service.process(upload, JobSpec(kind=space), request)
        assert isinstance(vector, np.ndarray)
        return _json_response(vector_json(upload.name, vector))


async def _analyse(service: Service, request: Request, spec: JobSpec, name: str | None) -> Response:
    async with service.receive(request, name) as upload:
        analysis = await service.process(upload, spec, request)
        assert isinstance(analysis, Analysis)
        error = None if analysis.error is None else upload.use_client_name(analysis.error)
        if error is not None and not analysis.coverage:
            raise Problem(422, error)
        return _json_response(analysis_json(dataclasses.replace(analysis, file=upload.name, error=error), spec.parts))


def _json_response(text: str) -> Response:
    return Response(text, media_type="application/json")


def _parse_labels(service: Service, lists: list[str], single: list[str]) -> tuple[str, ...]:
    if not all(label.strip() for label in single):
        raise InputError('label is empty; wanted one label, such as "crying child"')
    names = [*split_labels(lists, service.listener.labels), *single]
    if any(len(name) > _LONGEST_LABEL for name in names) or len(names) > _MOST_LABELS:
        wanted = f"at most {_MOST_LABELS} labels of at most {_LONGEST_LABEL} characters"
        raise InputError(f"labels has {len(names)} labels, or one too long; wanted {wanted}")
    return tuple(dict.fromkeys(names))


def _parse_count(k: str) -> int | None:
    return None if k == "all" else int(k)
