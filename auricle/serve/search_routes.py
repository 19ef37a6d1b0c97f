"""Routes that search the archive: by text, by an interval of a recording, by an uploaded example."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request

from auricle.archive import search as searching
from auricle.serve.answers import Count, Filter, Hits, Interval, SearchRequest, Text
from auricle.serve.filters import check_filter
from auricle.serve.jobs import JobSpec
from auricle.serve.listen_routes import BODY, UploadName
from auricle.serve.problems import problem_responses
from auricle.serve.service import Service, Serving

router = APIRouter()
_LONGEST = 60.0  # seconds of an example, at most: it is embedded for each search


@router.post("/search", response_model=Hits, responses=problem_responses(404, 408, 409, 410, 413, 422, 429, 503))
async def search(service: Serving, body: SearchRequest) -> dict[str, Any]:
    """Search the archive by text, by an interval as example, by a taught class, or by several of these."""

    def answer() -> list[dict[str, Any]]:
        like = None if body.like is None else example_text(service, body.like)
        query = searching.Query(body.text, like, tuple(body.unwanted), check_filter(body.where), body.taught)
        return hits_json(service, service.searcher.search(query, k=body.k))

    return {"hits": await service.run_in_thread(answer)}


@router.post("/search/sound", response_model=Hits, responses=problem_responses(404, 408, 409, 413, 422, 429, 503), openapi_extra=BODY)
async def search_sound(
    service: Serving,
    request: Request,
    text: Annotated[Text | None, Query()] = None,
    unwanted: Annotated[list[Text], Query(alias="not", max_length=20)] = [],  # noqa: B006
    where: Annotated[Filter | None, Query()] = None,
    k: Annotated[Count, Query()] = 20,
    name: UploadName = None,
) -> dict[str, Any]:
    """Search the archive for sounds similar to an uploaded recording."""
    searcher, filter_ = service.searcher, check_filter(where)
    async with service.receive(request, name) as upload:
        vector = await service.process(upload, JobSpec(kind="similarity"), request)
        assert isinstance(vector, np.ndarray)

    def answer() -> list[dict[str, Any]]:
        query = searching.Query(text, None, tuple(unwanted), filter_)
        return hits_json(service, searcher.search(query, k=k, sound=vector))

    return {"hits": await service.run_in_thread(answer)}


def example_text(service: Service, like: Interval) -> str:
    """Format an interval as Query takes it."""
    file, onset, offset = resolve_interval(service, like)
    return f"{file}@{onset:.4f}-{offset:.4f}"


def resolve_interval(service: Service, interval: Interval) -> tuple[str, float, float]:
    """Return file, onset and offset of an interval, at most _LONGEST long. Problem 404 or 410 where its recording is unavailable."""
    return service.recording(interval.id).file, interval.onset, min(interval.offset, interval.onset + _LONGEST)


def hits_json(service: Service, hits: list[searching.Hit]) -> list[dict[str, Any]]:
    """Convert hits to JSON, without those whose recording was removed from the archive meanwhile."""
    return [fields | {"tags": hit.tags, "missing": hit.missing} for hit in hits if (fields := service.hit_json(hit)) is not None]
