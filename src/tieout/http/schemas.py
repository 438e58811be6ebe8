"""The JSON Schemas of facts, out of their types."""

from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from tieout.http.facts import kind_of_fact, offered_types, schema_of


class FactTypes(Struct, frozen=True, kw_only=True):
    """The names of all facts: those that may be told from outside, and those that tieout concludes."""

    types: Mapping[str, Sequence[str]]


def routes() -> list[HTTPRouteHandler]:
    """GET /v1/schemas and /v1/schemas/{fact}: what callers need before they have an account."""

    @get("/schemas", operation_id="listSchemas", summary="All types of facts", tags=["events"])
    async def list_schemas() -> FactTypes:
        return FactTypes(types=offered_types())

    @get("/schemas/{fact:str}", operation_id="getSchema", summary="JSON Schema of a fact's data", tags=["events"])
    async def get_schema(fact: FromPath[str]) -> Response[dict[str, Any]]:
        """`fact` is a name such as `invoice.received`."""
        return Response(schema_of(kind_of_fact(fact)), media_type="application/schema+json")

    return [list_schemas, get_schema]
