"""Request bodies: their type and size are checked before a byte is read into anything."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema

from tieout.engine.sources import FileSource
from tieout.http.callers import Req
from tieout.http.facts import fault
from tieout.http.problems import Fault, Trouble

T = TypeVar("T")


async def body_of(request: Req, media_types: Sequence[str], bytes_max: int) -> bytes:
    """The raw body. Raises :class:`Trouble` for another content type (415) or too many bytes (413)."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_types and given not in media_types:
        listed = tuple(Fault(where="header content-type", detail=name) for name in media_types)
        raise Trouble("media_type", f"{given or 'no content type'} is not taken here", errors=listed)
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        raise Trouble("too_large", f"a body here has at most {bytes_max:,} bytes, not {int(declared):,}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise Trouble("too_large", f"a body here has at most {bytes_max:,} bytes")
    return bytes(body)


@asynccontextmanager
async def document_of(request: Req, folder: Path, bytes_max: int) -> AsyncIterator[FileSource]:
    """The raw body in a file of ours, which is gone afterwards; however large, it is never whole in memory."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > bytes_max:
        raise Trouble("too_large", f"a document here has at most {bytes_max:,} bytes, not {int(declared):,}")
    with NamedTemporaryFile(dir=folder, prefix="upload-") as file:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > bytes_max:
                raise Trouble("too_large", f"a document here has at most {bytes_max:,} bytes")
            file.write(chunk)
        file.flush()
        yield FileSource(Path(file.name))


def decoded(body: bytes, kind: type[T]) -> T:
    """The body as a value. Raises :class:`Trouble` that says what is wrong and where."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Trouble("bad_value", "the body does not have the form that is asked", errors=(fault(error),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble("bad_json", str(error)) from None


def json_body(kind: Any, *media_types: str) -> type[Operation]:
    """An OpenAPI operation whose body is described by a type, for handlers that read the raw bytes themselves."""
    schema = _schema(kind)

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            content = {name: OpenAPIMediaType(schema=schema) for name in media_types}
            self.request_body = RequestBody(required=True, content=content)

    return WithBody


def _schema(kind: Any) -> Schema:
    """A JSON Schema of a type as one self-contained OpenAPI schema."""
    found, components = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    return Inlined({**found[0], "$defs": components})


class Inlined(Schema):
    """A schema that is written into the document as it is."""

    def __init__(self, content: dict[str, Any]) -> None:
        super().__init__()
        self._content = content

    def to_schema(self) -> dict[str, Any]:
        resolved: dict[str, Any] = _resolved(self._content, self._content.get("$defs", {}))
        return resolved


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    """The schema with every reference replaced by what it points to (our types do not contain themselves)."""
    match part:
        case {"$ref": str(reference)}:
            return _resolved(definitions[reference.removeprefix("#/$defs/")], definitions)
        case dict():
            return {name: _resolved(value, definitions) for name, value in part.items() if name != "$defs"}
        case list():
            return [_resolved(value, definitions) for value in part]
        case _:
            return part


def bytes_body(*media_types: str) -> type[Operation]:
    """An OpenAPI operation that takes any bytes."""

    @dataclass
    class WithBytes(Operation):
        def __post_init__(self) -> None:
            schema = Inlined({} if media_types else {"type": "string", "format": "binary"})
            names = media_types or ("application/octet-stream",)
            content = {name: OpenAPIMediaType(schema=schema) for name in names}
            self.request_body = RequestBody(required=True, content=content)

    return WithBytes
