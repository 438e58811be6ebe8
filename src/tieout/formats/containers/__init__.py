"""What may be wrapped around a document, opened under strict limits: ZIP, gzip, mail, signed files and PDF.

Bundles (ZIP, gzip, mail) hold documents of their own: each part is evidence by itself, and bundles within bundles are
opened too. Envelopes (signed files, PDF) hold one document in another form: their parts keep the ``mark`` of what was
received, because the signature and the rendering are part of the evidence.

A container is taken whole or not at all. Nothing is ever written to a disk, run, or fetched.
"""

from collections.abc import Callable, Iterator

from tieout.formats.containers.contents import DEPTH_MAX, Budget, Contents, Part, joined, tell, within
from tieout.formats.containers.gzip_file import MAGIC, open_gzip
from tieout.formats.containers.mail_file import is_mail, open_mail
from tieout.formats.containers.pdf_file import is_pdf, open_pdf
from tieout.formats.containers.signed_file import is_signed, open_signed
from tieout.formats.containers.zip_file import EMPTY, MEMBER, open_zip
from tieout.formats.format import Head
from tieout.formats.reading import Context, Findings, over_budget
from tieout.formats.source import Source
from tieout.kernel.problem import Code

__all__ = ["BUNDLES", "ENVELOPES", "Contents", "Part", "is_office", "kind_of", "unpack"]

Opener = Callable[[Source, Budget, Findings], Iterator[Part]]

#: Kinds that hold documents of their own.
BUNDLES: dict[str, Opener] = {"zip": open_zip, "gzip": open_gzip, "eml": open_mail}
#: Kinds around one document.
ENVELOPES: dict[str, Opener] = {"p7m": open_signed, "pdf": open_pdf}
#: What the first member of an archive is called that is an office document: a file by itself, not a bundle.
_OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"word/", b"ppt/", b"mimetype", b"META-INF/")
_NAME_AT = 30


def kind_of(head: Head) -> str:
    """What kind of container begins like this; empty for none."""
    body = head.body
    if body.startswith((MEMBER, EMPTY)):
        return "" if is_office(head) else "zip"
    if body.startswith(MAGIC):
        return "gzip"
    if is_pdf(body):
        return "pdf"
    if is_signed(body):
        return "p7m"
    return "eml" if not head.is_xml and is_mail(head.text) else ""


def is_office(head: Head) -> bool:
    """Whether it is an archive of the kind that spreadsheets and texts are saved as (OOXML, ODF)."""
    return head.body.startswith(MEMBER) and head.body[_NAME_AT:].startswith(_OFFICE)


def unpack(source: Source, context: Context) -> Contents:
    """Open a container and give the documents in it. Never raises on data; what is no container has no parts."""
    kind = kind_of(Head.of(source))
    if not kind:
        return Contents()
    if problem := over_budget(source, context.limits):
        return Contents(kind, (), (problem,), False)
    findings, budget = Findings(), Budget(context.limits)
    if kind in ENVELOPES:
        parts = tuple(ENVELOPES[kind](source, budget, findings))
    else:
        parts = tuple(_documents(kind, source, "", budget, findings, 1))
    return Contents(kind, parts if findings.complete else (), findings.diagnostics(), findings.complete)


def _documents(kind: str, source: Source, name: str, budget: Budget, findings: Findings, depth: int) -> Iterator[Part]:
    """The documents of a bundle and of the bundles in it."""
    if depth > DEPTH_MAX:
        findings.fault(
            Code.TOO_LARGE, name, limit=f"{DEPTH_MAX} levels", detail="containers in containers in containers"
        )
        return
    own = Findings()
    for part in BUNDLES[kind](source, budget, own):
        path = joined(name, part.name)
        inner = kind_of(Head.of(part.source))
        if inner in BUNDLES:
            yield from _documents(inner, part.source, path, budget, findings, depth + 1)
        elif problem := budget.count_part():
            tell(findings, problem, path)
        else:
            yield Part(path, part.media_type, part.source, part.role)
        if not findings.complete:
            return
    findings.adopt(_within(own, name))


def _within(own: Findings, name: str) -> Findings:
    """What was found in a bundle, told with the name of the bundle."""
    told = Findings()
    say = told.note if own.complete else told.fault
    for problem in own.diagnostics():
        place = within(problem, name).where
        say(
            problem.code,
            place,
            expected=problem.expected,
            actual=problem.actual,
            limit=problem.limit,
            detail=problem.detail,
        )
    return told
