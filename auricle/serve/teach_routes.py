"""Routes that teach the archive sounds by yes and no, propose what to look at next, and find what was taught."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from auricle.archive.labels import Example
from auricle.archive.search import Query as Asked
from auricle.serve.answers import Find, Hits, Name, Proposals, Stretch, Taught, TaughtList, Teach
from auricle.serve.filters import checked
from auricle.serve.problems import documented
from auricle.serve.search_routes import stretch, told
from auricle.serve.service import Service, Serving

router = APIRouter()
_MOST = 100  # proposals


@router.post(
    "/teach", response_model=Taught, response_model_exclude_none=True, responses=documented(404, 408, 409, 410, 413, 422, 429, 503)
)
async def teach(service: Serving, said: Teach) -> dict[str, Any]:
    """A new version of a taught sound, from these answers and all earlier ones."""

    def answer() -> dict[str, Any]:
        yes, no = _examples(service, said.yes), _examples(service, said.no)
        with service.one_teacher:  # the archive refuses a second writer; within one service they take turns
            return service.teacher.teach(said.name, yes, no).to_dict()

    return await service.ask(answer)


@router.get("/taught", response_model=TaughtList, response_model_exclude_none=True, responses=documented(404, 429, 503))
async def taught(service: Serving) -> dict[str, Any]:
    """The latest version of each taught sound."""
    return {"taught": await service.ask(lambda: [one.to_dict() for one in service.teacher.taught_classes()])}


@router.get("/taught/{name}/proposals", response_model=Proposals, responses=documented(404, 422, 429, 503))
async def proposals(service: Serving, name: Annotated[Name, Path()], count: Annotated[int, Query(ge=1, le=_MOST)] = 10) -> dict[str, Any]:
    """Stretches that are most worth a yes or a no. why: check (drawn from what is found), unsure, or best."""

    def answer() -> list[dict[str, Any]]:
        found = ((one, service.told(one)) for one in service.teacher.propose(name, count))
        return [known | {"why": one.why} for one, known in found if known is not None]

    return {"proposals": await service.ask(answer)}


@router.post("/find", response_model=Hits, responses=documented(404, 408, 409, 413, 422, 429, 503))
async def find(service: Serving, asked: Find) -> dict[str, Any]:
    """Stretches of the archive's recordings in which a taught sound is."""
    query = Asked(taught=asked.name, where=checked(asked.where))
    return {"hits": await service.ask(lambda: told(service, service.searcher.search(query, k=asked.k)))}


def _examples(service: Service, stretches: list[Stretch]) -> list[Example]:
    return [Example(*stretch(service, one)) for one in stretches]
