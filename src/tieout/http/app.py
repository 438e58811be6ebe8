"""The application: every route, who may call it, and what is answered when something is wrong."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.router import Router
from litestar.types import ControllerRouterHandler, Middleware

from tieout.http import absences, as2, cases, deciding, documents, events, health, reading, schemas, uploads, webhooks
from tieout.http.callers import Callers
from tieout.http.door import Door
from tieout.http.problems import Trouble, answer, as_trouble

LOG = structlog.get_logger("tieout.http")

#: Shows a problem to a person: (request, trouble) → a page, or ``None`` to answer with problem details.
ErrorPage = Callable[[Request[Any, Any, Any], Trouble], Response[Any] | None]


def create_app(
    door: Door,
    *,
    partners: Mapping[str, as2.Partner] | None = None,
    pages: Sequence[ControllerRouterHandler] = (),
    error_page: ErrorPage | None = None,
    middleware: Sequence[Middleware] = (),
) -> Litestar:
    """Assemble the API, and the pages if they are given (see :func:`tieout.web.site.create_site`)."""

    def failed(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        trouble = as_trouble(error)
        if trouble.status >= 500:
            LOG.error("request_failed", path=request.url.path, method=request.method, exc_info=error)
        shown = error_page(request, trouble) if error_page else None
        return shown or answer(request, trouble)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        yield
        door.close()

    return Litestar(
        route_handlers=[
            Router(
                "/v1",
                route_handlers=[
                    *events.routes(door),
                    *documents.routes(door),
                    *uploads.routes(door),
                    *webhooks.routes(door),
                    *reading.routes(door),
                    *cases.routes(door),
                    *absences.routes(door),
                    *deciding.routes(door),
                    *schemas.routes(),
                ],
            ),
            *as2.routes(door, {} if partners is None else partners),
            *health.handlers(door),
            openapi,
            *pages,
        ],
        middleware=[*middleware, Callers(door)],
        exception_handlers={Exception: failed},
        lifespan=[lifespan],
        request_max_body_size=door.limits.document_bytes_max + 1,
        openapi_config=_openapi(),
        logging_config=None,
        debug=False,
    )


@get("/openapi.json", include_in_schema=False)
async def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The API's own description, for machines; nothing is loaded from anywhere to show it."""
    document = msgspec.json.encode(request.app.openapi_schema.to_schema())
    return Response(document, media_type="application/vnd.oai.openapi+json")


def _openapi() -> OpenAPIConfig:
    key = SecurityScheme(type="http", scheme="bearer", description="An API key: `tieout_<id>_<secret>`")
    return OpenAPIConfig(
        title="tieout",
        version=version("tieout"),
        description=(
            "Finance systems in agreement. Events are CloudEvents 1.0; amounts are whole minor units with a currency; "
            "problems are RFC 9457 with `code`, `retry`, `outcome`, `owner` and `remedy`."
        ),
        path="/v1/openapi",  # the framework wants a path of its own; callers know /openapi.json
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        components=Components(security_schemes={"key": key}),
        security=[{"key": []}],
        use_handler_docstrings=True,
    )
