"""Routes that hear an upload: /listen, /tag, /detect, /embed. Each answers with the object that the command line prints."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from auricle.core.errors import InputError
from auricle.core.records import Analysis
from auricle.listen.vocabulary import split_labels
from auricle.serve.answers import AnalysisAnswer, Vector, heard_text, vector_text
from auricle.serve.jobs import Question
from auricle.serve.problems import Problem, documented
from auricle.serve.service import Service, Serving
from auricle.signal.formats import spoken

router = APIRouter()
_BYTES = {"type": "string", "format": "binary"}
_FORM = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
#: What the OpenAPI document says of a body that is streamed.
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"A recording: {spoken('libsndfile')}; where the service has the extra av also {spoken('av')}.",
        "content": {"application/octet-stream": {"schema": _BYTES}, "multipart/form-data": {"schema": _FORM}},
    }
}
RESPONSES = documented(408, 413, 422, 429, 503)
_MOST_LABELS, _LONGEST_LABEL = 100, 500

Called = Annotated[str | None, Query(max_length=1000, description="What the answer calls the recording.")]
Top = Annotated[str, Query(pattern=r"^(all|[1-9][0-9]{0,3})$", description="How many tags, best first, or all.")]
_AS_CSV = "Words to listen for besides; several with commas between, in double quotes where one has a comma."
Labels = Annotated[list[str], Query(description=_AS_CSV, max_length=_MOST_LABELS)]


@router.post("/listen", response_model=AnalysisAnswer, responses=RESPONSES, openapi_extra=BODY)
async def listen(service: Serving, request: Request, labels: Labels = [], top: Top = "10", name: Called = None) -> Response:  # noqa: B006
    """Everything about a recording: which sounds, when, and the words asked for."""
    words = _words(service, labels)
    await _check(service, words)
    return await _heard(service, request, Question(labels=words, top=_most(top)), name)


@router.post("/tag", response_model=AnalysisAnswer, responses=RESPONSES, openapi_extra=BODY)
async def tag(service: Serving, request: Request, top: Top = "10", name: Called = None) -> Response:
    """Which sounds are in a recording."""
    return await _heard(service, request, Question(parts=("tags",), top=_most(top)), name)


@router.post("/detect", response_model=AnalysisAnswer, responses=RESPONSES, openapi_extra=BODY)
async def detect(service: Serving, request: Request, name: Called = None) -> Response:
    """Which sounds are in a recording, and when."""
    return await _heard(service, request, Question(parts=("events",)), name)


@router.post("/embed", response_model=Vector, responses=RESPONSES, openapi_extra=BODY)
async def embed(service: Serving, request: Request, space: Literal["words", "likeness"] = "words", name: Called = None) -> Response:
    """A recording's vector: to be compared with words, or with other sounds."""
    async with service.uploaded(request, name) as upload:
        vector = await service.hear(upload, Question(kind=space), request)
        assert isinstance(vector, np.ndarray)
        return _line(vector_text(upload.name, vector))


async def _heard(service: Service, request: Request, question: Question, name: str | None) -> Response:
    async with service.uploaded(request, name) as upload:
        heard = await service.hear(upload, question, request)
        assert isinstance(heard, Analysis)
        error = None if heard.error is None else upload.told(heard.error)
        if error is not None and not heard.coverage:
            raise Problem(422, error)
        return _line(heard_text(dataclasses.replace(heard, file=upload.name, error=error), question.parts))


def _line(text: str) -> Response:
    return Response(text, media_type="application/json")


def _words(service: Service, labels: list[str]) -> tuple[str, ...]:
    words = split_labels(labels, service.listener.labels)
    if any(len(word) > _LONGEST_LABEL for word in words) or len(words) > _MOST_LABELS:
        raise InputError(f"labels has {len(words)} labels, or one too long; wanted up to {_MOST_LABELS} of up to {_LONGEST_LABEL} letters")
    return tuple(dict.fromkeys(words))


async def _check(service: Service, words: tuple[str, ...]) -> None:
    """InputError where words mean nothing: before they come among those of others."""
    if words:
        await service.ask(lambda: service.listener.embed_text(words))


def _most(top: str) -> int | None:
    return None if top == "all" else int(top)
