"""PDF (ISO 32000): only what is attached to it. No page is drawn, no script is run, nothing it points to is fetched."""

import io
from collections.abc import Iterator

from msgspec import Struct
from pypdf import Configuration, PdfReader, apply_configuration
from pypdf.errors import FileNotDecryptedError, LimitReachedError, PdfReadError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject, StreamObject

from tieout.formats.containers.contents import Budget, Part, plain_name, tell
from tieout.formats.reading import Findings, quoted
from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code

#: An invoice with all its scanned annexes stays below; the parser holds the file in memory.
PDF_MAX = 64 * 2**20
#: What one stream of the file (an attachment, a table of objects) may unpack to.
STREAM_MAX = 32 * 2**20
#: So many objects may be in its tables, and so many nodes are walked to find what is attached.
OBJECTS_MAX = 200_000
NODES_MAX = 200
#: A file that is not as it should be is read again, with forgiveness, if it is no larger than this: mending takes
#: time that grows with its size and the number of its faults.
FORGIVEN_MAX = 4 * 2**20
#: The mark of the end (7.5.5) is in the last bytes of the file; looking for it all the way up is how time is lost.
_END, _END_WITHIN = b"%%EOF", 4096
#: The parser raises these on broken files, besides its own errors.
_BROKEN = (
    *(PyPdfError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
    *(RecursionError, OSError, NotImplementedError),
)
_LIMITS = Configuration(
    maximum_declared_stream_length=PDF_MAX,
    array_based_stream_maximum_output_length=STREAM_MAX,
    lzw_maximum_output_length=STREAM_MAX,
    run_length_maximum_output_length=STREAM_MAX,
    zlib_maximum_output_length=STREAM_MAX,
    brotli_maximum_output_length=STREAM_MAX,
    stream_decoding_work_maximum_length=4 * STREAM_MAX,
    jbig2dec_binary=None,
    disable_legacy_handling=True,
)
#: What an action may be without doing anything but showing a place in the document.
_HARMLESS = {"/GoTo", "/Named", "/GoTo3DView"}


class _Attachment(Struct, frozen=True):
    """A file specification (7.11.3) with the stream of the file that is embedded."""

    name: str
    media_type: str
    role: str
    stream: StreamObject


def is_pdf(beginning: bytes) -> bool:
    """Whether a document begins as PDF does; some writers put a few bytes before it."""
    return b"%PDF-" in beginning[:1024]


def open_pdf(source: Source, budget: Budget, findings: Findings) -> Iterator[Part]:
    """Take out what is attached to the document, with its relationship to it (``/AFRelationship``) as the role."""
    if source.size > PDF_MAX:
        findings.fault(Code.TOO_LARGE, "byte 0", actual=f"{source.size} bytes", limit=f"{PDF_MAX} bytes")
        return
    body = source.whole()
    if _END not in body[-_END_WITHIN:]:
        findings.fault(Code.UNREADABLE, f"byte {len(body)}", detail="the PDF is damaged: it has no end")
        return
    with apply_configuration(_LIMITS):
        found = _tried(body, source.mark, budget, is_strict=True)
        if found.is_broken and len(body) <= FORGIVEN_MAX:
            found = _tried(body, source.mark, budget, is_strict=False)
    findings.adopt(found.findings)
    yield from found.parts


class _Tried(Struct, frozen=True):
    """What came of reading a file: broken is what forgiveness may mend."""

    parts: tuple[Part, ...]
    findings: Findings
    is_broken: bool = False


def _tried(body: bytes, mark: str, budget: Budget, is_strict: bool) -> _Tried:
    findings = Findings()
    try:
        return _Tried(tuple(_parts(body, mark, budget, findings, is_strict)), findings)
    except FileNotDecryptedError:
        findings.fault(Code.UNREADABLE, "byte 0", detail="the PDF is encrypted and needs a password")
    except LimitReachedError as error:
        detail = f"a bomb, or a file far beyond what an invoice needs: {quoted(str(error))}"
        findings.fault(Code.TOO_LARGE, "byte 0", limit=f"{STREAM_MAX} bytes in one stream", detail=detail)
    except _BROKEN as error:
        findings.fault(Code.UNREADABLE, "byte 0", detail=f"the PDF is damaged: {quoted(str(error))}")
        return _Tried((), findings, True)
    return _Tried((), findings)


def _parts(body: bytes, mark: str, budget: Budget, findings: Findings, is_strict: bool) -> Iterator[Part]:
    reader = PdfReader(io.BytesIO(body), strict=is_strict, xref_stream_maximum_entries=OBJECTS_MAX)
    count = sum(len(entries) for entries in reader.xref.values()) + len(reader.xref_objStm)
    if count > OBJECTS_MAX:
        findings.fault(Code.TOO_LARGE, "byte 0", actual=f"{count} objects", limit=f"{OBJECTS_MAX} objects")
        return
    catalog = reader.root_object
    _note_actions(catalog, findings)
    for attachment in _attachments(catalog, findings):
        content = attachment.stream.get_data()
        if problem := budget.spend(len(content)) or budget.count_part():
            tell(findings, problem, attachment.name)
            return
        yield Part(attachment.name, attachment.media_type, Bytes(content, mark), attachment.role)


def _note_actions(catalog: DictionaryObject, findings: Findings) -> None:
    """What the document would like a viewer to do is told; it is never done."""
    opening = _resolved(catalog.get("/OpenAction"))
    kind = str(_resolved(opening.get("/S"))) if isinstance(opening, DictionaryObject) else ""
    names = _resolved(catalog.get("/Names"))
    found = [f"{kind[1:]} on opening"] if kind and kind not in _HARMLESS else []
    found += ["JavaScript"] if isinstance(names, DictionaryObject) and "/JavaScript" in names else []
    found += ["actions on events"] if "/AA" in catalog else []
    if found:
        detail = "the PDF has actions that would run in a viewer; nothing of it is run here"
        findings.note(Code.UNSUPPORTED_CONTENT, "PDF catalog, byte 0", actual=", ".join(found), detail=detail)


def _resolved(found: PdfObject | None) -> PdfObject | None:
    return found.get_object() if found is not None else None


def _attachments(catalog: DictionaryObject, findings: Findings) -> Iterator[_Attachment]:
    """All embedded files, by the name tree of the catalog (7.7.4) and by its associated files (14.13), each once."""
    names = _resolved(catalog.get("/Names"))
    tree = _resolved(names.get("/EmbeddedFiles")) if isinstance(names, DictionaryObject) else None
    specifications = [*_leaves(tree, findings), *_array(_resolved(catalog.get("/AF")))]
    seen: set[int] = set()
    for specification in specifications:
        found = _attachment(_resolved(specification))
        if found is not None and id(found.stream) not in seen:
            seen.add(id(found.stream))
            yield found


def _leaves(tree: PdfObject | None, findings: Findings) -> Iterator[PdfObject]:
    """The values of a name tree. A tree that bites its tail, or has too many nodes, is refused."""
    nodes, seen, waiting = 0, set[int](), [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, DictionaryObject):
            continue
        nodes += 1
        if id(node) in seen or nodes > NODES_MAX:
            detail = "the tree of attachments loops or is far too large"
            findings.fault(Code.TOO_LARGE, "PDF catalog, byte 0", limit=f"{NODES_MAX} nodes", detail=detail)
            return
        seen.add(id(node))
        yield from _array(_resolved(node.get("/Names")))[1::2]
        waiting += [_resolved(kid) for kid in _array(_resolved(node.get("/Kids")))[:NODES_MAX][::-1]]


def _array(found: PdfObject | None) -> list[PdfObject]:
    return list(found)[: 2 * NODES_MAX] if isinstance(found, ArrayObject) else []


def _attachment(specification: PdfObject | None) -> _Attachment | None:
    """A file specification with an embedded file; one without only names a file elsewhere."""
    if not isinstance(specification, DictionaryObject):
        raise PdfReadError("the list of attachments names something that is not there")
    embedded = _resolved(specification.get("/EF"))
    if not isinstance(embedded, DictionaryObject):
        return None
    stream = _resolved(embedded.get("/UF", embedded.get("/F")))
    if not isinstance(stream, StreamObject):
        raise PdfReadError("an attachment is not there")
    text = str(_resolved(specification.get("/UF", specification.get("/F"))) or "")
    media_type = str(_resolved(stream.get("/Subtype")) or "")[1:]
    role = str(_resolved(specification.get("/AFRelationship")) or "")[1:]
    return _Attachment(plain_name(text) or "attachment", media_type, role, stream)
