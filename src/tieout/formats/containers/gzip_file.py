"""Gzip (RFC 1952): one document, packed, perhaps in several streams that follow each other."""

from collections.abc import Iterator

from tieout.formats.containers.contents import Budget, Part, plain_name, tell
from tieout.formats.containers.deflated import gunzipped, unpacked
from tieout.formats.reading import Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Problem

MAGIC = b"\x1f\x8b"
_HAS_EXTRA, _HAS_NAME = 4, 8


def open_gzip(source: Source, budget: Budget, findings: Findings) -> Iterator[Part]:
    """Take out the one document."""
    body = source.whole()
    found = unpacked(len(body), lambda: gunzipped(body), budget)
    if isinstance(found, Problem):
        tell(findings, found, "")
        return
    yield Part(_name(body), "", found[0])


def _name(body: bytes) -> str:
    """The name the file had before it was packed, if the header keeps one that is worth having."""
    flags, at = body[3], 10
    if flags & _HAS_EXTRA:
        at += 2 + int.from_bytes(body[at : at + 2], "little")
    if not flags & _HAS_NAME:
        return "content"
    name = body[at : at + 256].partition(b"\0")[0].decode("latin-1")
    return (plain_name(name) or "content").rpartition("/")[2]
