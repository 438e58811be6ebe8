"""Large documents come in piece by piece and go on after a lost connection: the tus protocol, version 1.0.0
(https://tus.io/protocols/resumable-upload), core and creation.

An upload is two files in the spool folder: what was said about it, and the bytes that have arrived. It belongs to the
person who began it. When the last byte is there the document is taken in as any other; what became of it is read at
the upload's own address, also after a restart. Uploads that nobody went on with for a day are removed.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
from litestar import Response, get, head, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from tieout.engine.sources import FileSource
from tieout.http.bodies import bytes_body
from tieout.http.callers import Req, caller_of
from tieout.http.documents import DocumentTaken, check_duties, may_hand_in, take
from tieout.http.door import Door
from tieout.http.problems import Trouble
from tieout.kernel.clock import to_micros

VERSION = "1.0.0"
_ID = re.compile(r"[0-9a-f]{32}")
_HEADERS = {"Tus-Resumable": VERSION, "Cache-Control": "no-store"}


class Upload(Struct, frozen=True, kw_only=True):
    """What was said about a document that is on its way in, and what became of it once all of it was there."""

    id: str
    size: int
    name: str
    media_type: str
    channel: str
    owner: str
    begun_at: int
    taken: DocumentTaken | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """How far an upload is. ``document`` says what became of it, once it is complete."""

    size: int
    offset: int
    document: DocumentTaken | None


class Uploads:
    """The uploads in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, upload: Upload) -> None:
        """Make room for a document."""
        self.bytes_of(upload.id).touch()
        self.save(upload)

    def save(self, upload: Upload) -> None:
        """Keep what is known of it; written aside and renamed, so that a crash leaves the old or the new."""
        file = self._file(upload.id)
        aside = file.with_suffix(".new")
        aside.write_bytes(msgspec.json.encode(upload))
        aside.replace(file)

    def find(self, id: str, owner: str) -> Upload:
        """An upload of this person. Raises :class:`Trouble` (404)."""
        with suppress(FileNotFoundError):
            if _ID.fullmatch(id):
                upload = msgspec.json.decode(self._file(id).read_bytes(), type=Upload)
                if upload.owner == owner:
                    return upload
        raise Trouble("not_found", f"there is no upload {id!r} of yours; begin a new one with POST /v1/uploads")

    def offset(self, upload: Upload) -> int:
        """How many bytes have arrived."""
        return upload.size if upload.taken else self.bytes_of(upload.id).stat().st_size

    def bytes_of(self, id: str) -> Path:
        """Where its bytes are until it is taken in."""
        return self._folder / f"tus-{id}.part"

    def _file(self, id: str) -> Path:
        return self._folder / f"tus-{id}.json"

    def tidy(self, before: int) -> int:
        """Forget uploads that were begun before a moment. Returns how many are left."""
        left = 0
        for file in self._folder.glob("tus-*.json"):
            upload = msgspec.json.decode(file.read_bytes(), type=Upload)
            if upload.begun_at < before:
                self.bytes_of(upload.id).unlink(missing_ok=True)
                file.unlink(missing_ok=True)
            elif upload.taken is None:
                left += 1
        return left


def routes(door: Door) -> list[HTTPRouteHandler]:
    """POST /v1/uploads, and HEAD, PATCH and GET of each."""
    uploads = Uploads(door.spool)

    @post(
        "/uploads",
        operation_id="beginUpload",
        summary="Begin to send a large document (tus 1.0.0)",
        tags=["documents"],
        status_code=201,
    )
    async def begin(request: Req) -> Response[None]:
        """`Upload-Length` says how many bytes come; `Upload-Metadata` may have `filename`, `filetype` and `channel`.
        The answer's `Location` is where the bytes go."""
        caller = caller_of(request)
        may_hand_in(caller)
        size = _length(request.headers.get("upload-length", ""), door.limits.upload_bytes_max)
        said = _metadata(request.headers.get("upload-metadata", ""))
        now = door.now()
        before = to_micros(now - timedelta(hours=door.limits.upload_hours))
        if await door.write(uploads.tidy, before) >= door.limits.uploads_open_max:
            raise Trouble("too_many_uploads", f"{door.limits.uploads_open_max} uploads are open")
        upload = Upload(
            id=token_hex(16),
            size=size,
            name=said.get("filename", "document")[:255],
            media_type=said.get("filetype", "application/octet-stream")[:100],
            channel=re.sub(r"[^a-z0-9._-]", "", said.get("channel", "")) or "api",
            owner=caller.person.name,
            begun_at=to_micros(now),
        )
        await door.write(uploads.begin, upload)
        return Response(None, status_code=201, headers={**_HEADERS, "Location": f"/v1/uploads/{upload.id}"})

    @head(
        "/uploads/{id:str}",
        operation_id="uploadOffset",
        summary="How many bytes of an upload have arrived",
        tags=["documents"],
    )
    async def offset(request: Req, id: FromPath[str]) -> Response[None]:
        """Go on from `Upload-Offset`."""
        upload = await door.write(uploads.find, id, caller_of(request).person.name)
        return Response(None, headers=_where(upload, uploads.offset(upload)))

    @patch(
        "/uploads/{id:str}",
        operation_id="sendUpload",
        summary="Send the next bytes of an upload",
        tags=["documents"],
        status_code=204,
        operation_class=bytes_body("application/offset+octet-stream"),
        request_max_body_size=door.limits.upload_bytes_max + 1,
    )
    async def send(request: Req, id: FromPath[str]) -> Response[None]:
        """What arrived before a connection was lost stays. With the last byte the document is taken in."""
        caller = caller_of(request)
        upload = await door.write(uploads.find, id, caller.person.name)
        came = await _append(request, uploads, upload)
        if came == upload.size and upload.taken is None:
            source = FileSource(uploads.bytes_of(upload.id))
            await check_duties(door, caller, source, upload.channel)
            taken = await take(door, caller, source, upload.name, upload.media_type, upload.channel)
            await door.write(uploads.save, msgspec.structs.replace(upload, taken=taken))
            await door.write(uploads.bytes_of(upload.id).unlink, missing_ok=True)
        return Response(None, status_code=204, headers=_where(upload, came))

    @get(
        "/uploads/{id:str}",
        operation_id="readUpload",
        summary="How far an upload is, and what became of the document",
        tags=["documents"],
    )
    async def standing(request: Req, id: FromPath[str]) -> Standing:
        """`document` is there once all bytes are."""
        upload = await door.write(uploads.find, id, caller_of(request).person.name)
        return Standing(size=upload.size, offset=uploads.offset(upload), document=upload.taken)

    return [begin, offset, send, standing]


async def _append(request: Req, uploads: Uploads, upload: Upload) -> int:
    """Add the bytes of a request that begins where we stand. Returns where we stand then."""
    stands = uploads.offset(upload)
    if request.headers.get("upload-offset", "") != str(stands):
        raise Trouble("wrong_state", f"the upload stands at byte {stands}; ask with HEAD and go on from there")
    if upload.taken is not None:
        return stands
    with uploads.bytes_of(upload.id).open("ab") as file:
        async for chunk in request.stream():
            if stands + len(chunk) > upload.size:
                raise Trouble("too_large", f"{upload.size:,} bytes were announced, and more came")
            file.write(chunk)
            stands += len(chunk)
    return stands


def _where(upload: Upload, stands: int) -> Mapping[str, Any]:
    return {**_HEADERS, "Upload-Length": str(upload.size), "Upload-Offset": str(stands)}


def _length(text: str, bytes_max: int) -> int:
    if not (text.isascii() and text.isdecimal()) or not int(text):
        raise Trouble("bad_value", "Upload-Length must say how many bytes will come, such as 104857600")
    if int(text) > bytes_max:
        raise Trouble("too_large", f"a document here has at most {bytes_max:,} bytes, not {int(text):,}")
    return int(text)


def _metadata(text: str) -> dict[str, str]:
    """``Upload-Metadata``: names with values in base64, between commas."""
    found = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.strip().partition(" ")
        try:
            found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise Trouble("bad_value", f"Upload-Metadata: the value of {name[:40]!r} is not base64 of UTF-8") from None
    return found
