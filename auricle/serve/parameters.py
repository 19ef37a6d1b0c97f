"""Query parameters that a path does not have are refused, so that a misspelt one is not ignored."""

from __future__ import annotations

from fastapi import Request

from auricle.serve.problems import Problem

#: Parameters that have another name now.
RENAMED = {"top": "k", "count": "k"}


async def check_names(request: Request) -> None:
    """Problem 422 for a query parameter that the path does not have."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name in known:
            continue
        if RENAMED.get(name) in known:
            raise Problem(422, f"{name} is now {RENAMED[name]}")
        raise Problem(422, f"{name[:40]!r} is no parameter of this path; wanted {', '.join(known) or 'none'}")
