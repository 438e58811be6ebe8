"""The whole application: pages and API together."""

from collections.abc import Mapping

from litestar import Litestar, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tieout.http.app import create_app
from tieout.http.as2 import Partner
from tieout.http.door import Door
from tieout.http.problems import Trouble
from tieout.web.live import live_route
from tieout.web.pages import (
    absences,
    cases,
    close,
    documents,
    duties,
    effects,
    invoices,
    liabilities,
    matching,
    overview,
    payments,
    policy,
    portal,
    quarantine,
    sign_in,
    suppliers,
    trace,
)
from tieout.web.site import SecurityHeaders, Site

_PAGES = (
    absences,
    overview,
    cases,
    effects,
    quarantine,
    invoices,
    matching,
    liabilities,
    payments,
    close,
    suppliers,
    documents,
    policy,
    duties,
    trace,
    portal,
    sign_in,
)
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


def create_site(door: Door, partners: Mapping[str, Partner] | None = None) -> Litestar:
    """Assemble pages and API, to be served by uvicorn.

    A server that is told to stop waits for open streams. Call ``app.state["end_streams"]()`` (from any thread) first,
    and give it a ``timeout_graceful_shutdown`` of a few seconds.
    """
    site = Site(door)
    app = create_app(
        door,
        partners=partners,
        pages=[*(handler for page in _PAGES for handler in page.routes(site)), _static(site), live_route(site.pulse)],
        error_page=site.refused,
        middleware=[SecurityHeaders()],
    )
    app.on_shutdown.append(site.pulse.stop)
    app.state["end_streams"] = site.pulse.end
    return app


def _static(site: Site) -> HTTPRouteHandler:
    @get("/static/{mark:str}/{name:str}", include_in_schema=False)
    async def static(mark: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        body = site.assets.get(name)
        if body is None:
            raise Trouble("not_found", f"there is no asset {name!r}")
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(body, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)

    return static
