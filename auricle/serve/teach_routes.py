"""Routes for taught classes: teach by positive and negative examples, propose windows to label, search by class."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from auricle.archive.labels import Example
from auricle.archive.search import Query as SearchQuery
from auricle.serve.answers import FindRequest, Hits, Interval, Name, Proposals, TaughtClass, TaughtClasses, TeachRequest
from auricle.serve.filters import check_filter
from auricle.serve.problems import problem_responses
from auricle.serve.search_routes import hits_json, resolve_interval
from auricle.serve.service import Service, Serving

router = APIRouter()
_MOST = 100  # proposals


@router.post(
    "/teach",
    response_model=TaughtClass,
    response_model_exclude_none=True,
    responses=problem_responses(404, 408, 409, 410, 413, 422, 429, 503),
)
async def teach(service: Serving, body: TeachRequest) -> dict[str, Any]:
    """Make a new version of a taught class, from these and all earlier examples."""

    def answer() -> dict[str, Any]:
        yes, no = _examples(service, body.yes), _examples(service, body.no)
        with service.teach_lock:  # the archive refuses a second writer, so requests wait for each other
            return service.teacher.teach(body.name, yes, no).to_dict()

    return await service.run_in_thread(answer)


@router.get("/taught", response_model=TaughtClasses, response_model_exclude_none=True, responses=problem_responses(404, 422, 429, 503))
async def taught(service: Serving) -> dict[str, Any]:
    """List the latest version of each taught class."""
    return {"taught": await service.run_in_thread(lambda: [one.to_dict() for one in service.teacher.taught_classes()])}


@router.get("/taught/{name}/proposals", response_model=Proposals, responses=problem_responses(404, 422, 429, 503))
async def proposals(service: Serving, name: Annotated[Name, Path()], k: Annotated[int, Query(ge=1, le=_MOST)] = 10) -> dict[str, Any]:
    """Propose windows to label. why: check (sampled from the hits), unsure, or best."""

    def answer() -> list[dict[str, Any]]:
        pairs = ((proposal, service.hit_json(proposal)) for proposal in service.teacher.propose(name, k))
        return [fields | {"why": proposal.why} for proposal, fields in pairs if fields is not None]

    return {"proposals": await service.run_in_thread(answer)}


@router.post("/find", response_model=Hits, responses=problem_responses(404, 408, 409, 413, 422, 429, 503))
async def find(service: Serving, body: FindRequest) -> dict[str, Any]:
    """Search the archive by a taught class."""
    query = SearchQuery(taught=body.name, where=check_filter(body.where))
    return {"hits": await service.run_in_thread(lambda: hits_json(service, service.searcher.search(query, k=body.k)))}


def _examples(service: Service, intervals: list[Interval]) -> list[Example]:
    return [Example(*resolve_interval(service, interval)) for interval in intervals]
