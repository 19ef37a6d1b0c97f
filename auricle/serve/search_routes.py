"""Routes that search the archive: by words, by a stretch of it, by an uploaded example."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request

from auricle.archive import search as searching
from auricle.serve.answers import Count, Filter, Hits, Search, Stretch, Words
from auricle.serve.filters import checked
from auricle.serve.jobs import Question
from auricle.serve.listen_routes import BODY, Called
from auricle.serve.problems import documented
from auricle.serve.service import Service, Serving

router = APIRouter()
_LONGEST = 60.0  # seconds of a stretch that are compared: an example is heard for each search


@router.post("/search", response_model=Hits, responses=documented(404, 408, 409, 410, 413, 422, 429, 503))
async def search(service: Serving, asked: Search) -> dict[str, Any]:
    """Stretches of the archive's recordings that fit words, sound like another stretch, are a taught sound, or all of these."""

    def answer() -> list[dict[str, Any]]:
        like = None if asked.like is None else example(service, asked.like)
        query = searching.Query(asked.text, like, tuple(asked.unwanted), checked(asked.where), asked.taught)
        return told(service, service.searcher.search(query, k=asked.k))

    return {"hits": await service.ask(answer)}


@router.post("/search/sound", response_model=Hits, responses=documented(404, 408, 409, 413, 422, 429, 503), openapi_extra=BODY)
async def search_sound(
    service: Serving,
    request: Request,
    text: Annotated[Words | None, Query()] = None,
    unwanted: Annotated[list[Words], Query(alias="not", max_length=20)] = [],  # noqa: B006
    where: Annotated[Filter | None, Query()] = None,
    k: Annotated[Count, Query()] = 20,
    name: Called = None,
) -> dict[str, Any]:
    """Stretches of the archive's recordings that sound like an uploaded one."""
    searcher, filter_ = service.searcher, checked(where)
    async with service.uploaded(request, name) as upload:
        vector = await service.hear(upload, Question(kind="likeness"), request)
        assert isinstance(vector, np.ndarray)

    def answer() -> list[dict[str, Any]]:
        query = searching.Query(text, None, tuple(unwanted), filter_)
        return told(service, searcher.search(query, k=k, sound=vector))

    return {"hits": await service.ask(answer)}


def example(service: Service, like: Stretch) -> str:
    """A stretch as Query takes it."""
    file, onset, offset = stretch(service, like)
    return f"{file}@{onset:.4f}-{offset:.4f}"


def stretch(service: Service, asked: Stretch) -> tuple[str, float, float]:
    """A stretch as file, onset and offset, no longer than what is heard at once; 404 or 410 where its recording is not to be had."""
    return service.recording(asked.id).file, asked.onset, min(asked.offset, asked.onset + _LONGEST)


def told(service: Service, hits: list[searching.Hit]) -> list[dict[str, Any]]:
    """Hits as JSON; one whose recording left the archive meanwhile is left out."""
    return [found | {"tags": hit.tags, "missing": hit.missing} for hit in hits if (found := service.told(hit)) is not None]
