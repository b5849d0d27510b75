"""The app: all routes behind the guard."""

from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from streamcls.web.camera_routes import camera_routes
from streamcls.web.classifying import Classifying, classify_routes
from streamcls.web.guard import Guard
from streamcls.web.job_routes import job_routes
from streamcls.web.pages import add_page
from streamcls.web.problems import KIND, describe_all
from streamcls.web.site import Site
from streamcls.web.status_routes import health_routes, status_routes

_PREFIX = "/api/v1"
_PROBLEM = {
    "description": "A problem, as RFC 9457 has it.",
    "content": {KIND: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
}


def build_app(site: Site) -> Guard:
    """Puts it together; an app of ASGI."""
    app = FastAPI(
        title="streamcls",
        version=version("streamcls"),
        description="Says what pictures, videos and cameras show.",
        openapi_url=f"{_PREFIX}/openapi.json",
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        responses={"4XX": _PROBLEM, "5XX": _PROBLEM},
    )
    describe_all(app)
    guard = Guard(app, site.rules, site.tokens, site.tally, is_ready=lambda: site.model is not None)
    api = APIRouter(prefix=_PREFIX)
    api.include_router(classify_routes(Classifying(site.rules, site.desk, site.tally)))
    api.include_router(job_routes(site))
    api.include_router(camera_routes(site))
    api.include_router(status_routes(site, guard))
    app.include_router(api)
    app.include_router(health_routes(site))
    add_page(app, site.tokens)
    return guard
