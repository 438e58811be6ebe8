"""The quick way through a long statement: entries of a form that was seen before need no parser.

A statement of a hundred thousand entries has a handful of *forms*: the same elements in the same order, with other
texts between them. The first entry of each form goes to the parser like everything else. Besides, its form is parsed
once with a number in place of each text, which shows that the form is well-formed and where each of its texts ends up;
and it becomes a pattern. Of later entries that match the pattern the texts are picked by number, and the parser is
given one empty element with a mark in place of a run of them, so that it still sees where they stand.

Nothing but texts can differ between entries of one form, so what holds for one of them holds for all, as long as the
texts are plain: an entry with a comment, CDATA, a ``>`` in a text or an unusual reference goes to the parser untouched.
A comment *around* entries is no matter, since their marks then stand inside it. A document with a mark of its own is
left to the parser from there on, or whoever wrote it could say where other entries stand.

A batch may have any number of transactions. Its form is that of the entry without them, and they have forms of their
own.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from lxml import etree
from msgspec import Struct

from tieout.formats.iso20022.entry_texts import DetailTexts, EntryTexts, detail_texts, entry_texts
from tieout.formats.iso20022.statement import PARTS
from tieout.formats.xml import Element, local
from tieout.kernel.problem import Problem

#: The attribute that marks an empty element which stands for entries.
MARK = "tieout-recurring"
#: So many forms of a kind are learned, of at most so many texts each. Larger ones go to the parser.
FORMS_MAX, SLOTS_MAX = 32, 400
#: An entry whose end is further away than this, such as a batch of thousands, goes to the parser.
ENTRY_MAX = 2**20
#: After so many entries of unknown form beyond those that were known, a document is left to the parser.
MISSES_MAX = 2_000

_ENTRY = re.compile(r"<((?:[\w.-]{1,30}:)?)Ntry>")
_ENTRY_TAG_MAX = 40
_BLANK = re.compile(r"\s*")
_TEXT = re.compile(r">([^<]+)<")
_SLOT = re.compile("\ue000([0-9]+)\ue001")
#: A reference other than to the five signs that XML knows by name.
_OTHER_REFERENCE = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)")
_NAMED = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
_REFERENCE = re.compile("|".join(_NAMED))
#: What no form may hold: comments, CDATA and instructions could end in a text; the last is a sign of our own.
_BARRED = ("<!", "<?", "\ue000")
#: Elements that the reader looks at wherever they are; the parser has to see them.
_NOT_INSIDE = frozenset(("Ntry", "GrpHdr", "PssblDplct", *PARTS))
#: Signs that XML does not allow; they end the quick way, so that the parser finds them.
_CONTROL = bytes(sign for sign in range(32) if sign not in b"\t\n\r")

_Row = tuple[str, ...]
_Pick = Callable[[list[str]], tuple[str, ...]]
_Parts = tuple[str | int, ...]


class Seen(NamedTuple):
    """An entry that the parser did not see, and how many lines below the mark for it the entry begins."""

    entry: EntryTexts
    details: Sequence[DetailTexts]
    lines: int = 0


class Recurring:
    """Takes entries of known forms out of a text on its way to the parser, and hands them over when asked."""

    def __init__(self) -> None:
        self._entries = _Forms("Ntry")
        self._transactions = _Forms("TxDtls")
        self._taken: dict[str, list[Seen]] = {}
        self._hits = 0
        self._misses = 0
        self._searched = 0

    def of(self, element: Element) -> list[Seen] | None:
        """The entries that an element stands for, if it stands for some."""
        mark = element.get(MARK)
        return self._taken.pop(mark, None) if mark else None

    def thinned(self, pieces: Iterator[bytes | Problem]) -> Iterator[bytes | Problem]:
        """The pieces of a document without the entries of known forms."""
        prolog = next(pieces, None)
        if prolog is not None:
            yield prolog
        decoder = codecs.getincrementaldecoder("utf-8")()
        carried, before, is_quick = "", b"", True
        for piece in pieces:
            if isinstance(piece, Problem) or not is_quick:
                yield piece
                continue
            text = carried + decoder.decode(piece)
            is_quick = _is_plain(before + piece) and MARK not in text and self._misses < MISSES_MAX + self._hits
            if is_quick:
                thin, carried = self._thin(text)
                before = piece[-1:]
                yield thin.encode()
            else:
                yield text.encode() + decoder.getstate()[0]
        if is_quick:
            yield carried.encode() + decoder.getstate()[0]

    def _thin(self, text: str) -> tuple[str, str]:
        """The text for the parser, and the end of it that is kept back, since more of it is to come."""
        kept: list[str] = []
        run: list[Seen] = []
        at = lines = 0
        while match := _ENTRY.search(text, at):
            start, close = match.start(), f"</{match[1]}Ntry>"
            end = text.find(close, max(start, self._searched))
            self._searched = 0
            if end < 0:
                kept.append(text[at:start])
                if len(text) - start > ENTRY_MAX:
                    return "".join((*kept, text[start:])), ""
                self._searched = max(0, len(text) - start - len(close))
                return "".join(kept), text[start:]
            end += len(close)
            seen = self._seen(text, start, end, match[1])
            if seen is None:
                kept.append(text[at:end])
                run = []
            elif run and (at == start or text[at:start].isspace()):
                lines += text.count("\n", at, start)
                run.append(seen._replace(lines=lines) if lines else seen)
                lines += text.count("\n", start, end)
                kept.append("\n" * text.count("\n", at, end))
            else:
                run, mark, lines = [seen], str(self._hits), text.count("\n", start, end)
                self._taken[mark] = run
                kept.append(f'{text[at:start]}<{match[1]}Ntry {MARK}="{mark}"/>' + "\n" * lines)
            self._hits += seen is not None
            at = end
        rest = max(at, len(text) - _ENTRY_TAG_MAX)  # a tag may be cut
        kept.append(text[at:rest])
        return "".join(kept), text[rest:]

    def _seen(self, text: str, start: int, end: int, prefix: str) -> Seen | None:
        """The texts of an entry and of its transactions, if its form is known."""
        open_tag, close_tag = f"<{prefix}TxDtls>", f"</{prefix}TxDtls>"
        first = text.find(open_tag, start, end)
        if first < 0 or text.find(open_tag, first + 1, end) < 0:
            rows = self._entries.rows(text, start, end, prefix)
        else:
            rows = self._batch(text, (start, first, end), prefix, (open_tag, close_tag))
        if rows is None:
            self._misses += 1
            return None
        return Seen(EntryTexts._make(rows[0]), [DetailTexts._make(row) for row in rows[1:]])

    def _batch(self, text: str, places: tuple[int, int, int], prefix: str, tags: tuple[str, str]) -> list[_Row] | None:
        """The same of an entry with several transactions that follow each other immediately."""
        (start, first, end), (open_tag, close_tag) = places, tags
        last = text.rfind(close_tag, first, end) + len(close_tag)
        frame = f"{text[start:first]}{open_tag}{close_tag}{text[last:end]}"
        rows = self._entries.rows(frame, 0, len(frame), prefix)
        details: list[_Row] = []
        at = first
        while at < last:
            after = text.find(close_tag, at, end) + len(close_tag)
            if not text.startswith(open_tag, at) or after < len(close_tag):
                return None
            found = self._transactions.rows(text, at, after, prefix)
            if found is None:
                rows = None  # the other ones are still looked at, so that their forms are learned
            else:
                details += found
            blank = _BLANK.match(text, after, last)
            at = blank.end() if blank else after
        return None if rows is None else [rows[0], *details]


def _is_plain(piece: bytes) -> bool:
    """Whether it has only signs that XML allows; those of three bytes that begin like U+FFFE are left to the parser."""
    return len(piece.translate(None, _CONTROL)) == len(piece) and (piece.isascii() or b"\xef\xbf" not in piece)


# ── forms ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Form(Struct):
    """A pattern of an element. Its groups, after what is fixed in the form and before what is joined of several
    groups, are the pool that the fields of the entry and of its transactions are picked from."""

    pattern: re.Pattern[str]
    fixed: list[str]
    joined: tuple[_Parts, ...]
    picks: tuple[_Pick, ...]

    def rows(self, match: re.Match[str]) -> list[_Row] | None:
        """The texts of a match; nothing if one is blank, which counts as missing, or has to be parsed."""
        texts = [text.strip() for text in match.groups()]
        if "" in texts:
            return None
        if "&" in match[0]:
            if _OTHER_REFERENCE.search(match[0]):
                return None
            texts = [_REFERENCE.sub(_named, text) if "&" in text else text for text in texts]
        pool = self.fixed + texts
        for parts in self.joined:
            pool.append("".join([part if isinstance(part, str) else texts[part] for part in parts]))
        return [pick(pool) for pick in self.picks]


def _named(reference: re.Match[str]) -> str:
    return _NAMED[reference[0]]


class _Forms:
    """The forms of ``Ntry`` or of ``TxDtls``, learned as they come. The one that was met last is tried first."""

    def __init__(self, element: str) -> None:
        self._element = element
        self._forms: list[_Form] = []
        self._learned: set[tuple[str, ...]] = set()

    def rows(self, text: str, start: int, end: int, prefix: str) -> list[_Row] | None:
        """The texts of an element, if its form is known; else it is known the next time."""
        for number, form in enumerate(self._forms):
            if match := form.pattern.fullmatch(text, start, end):
                if number:
                    del self._forms[number]
                    self._forms.insert(0, form)
                return form.rows(match)
        if len(self._learned) < FORMS_MAX:
            key = tuple(_TEXT.split(text[start:end])[::2])
            if key not in self._learned and len(key) <= SLOTS_MAX:
                self._learned.add(key)
                if learned := _learned(key, prefix, self._element):
                    self._forms.insert(0, learned)
        return None


def _learned(key: tuple[str, ...], prefix: str, name: str) -> _Form | None:
    """The form of an element, or nothing if it has to be parsed each time. ``key`` is what stands around its texts."""
    if any(sign in "<".join(key) for sign in _BARRED):
        return None
    numbered = key[0] + "".join(f">\ue000{slot}\ue001<{part}" for slot, part in enumerate(key[1:]))
    declared = f' xmlns:{prefix[:-1]}="urn:x"' if prefix else ""
    try:
        root = etree.fromstring(f"<x{declared}>{numbered}</x>", etree.XMLParser(resolve_entities=False))
    except etree.XMLSyntaxError:
        return None
    if (
        len(root) != 1
        or local(root[0]) != name
        or any(local(below) in _NOT_INSIDE for below in root[0].iterdescendants())
    ):
        return None
    if name == "TxDtls":
        return _form(key, [detail_texts(root[0])])
    rows: list[_Row] = []
    for detail in list(root[0].iter("{*}TxDtls")):
        parent = detail.getparent()
        if parent is None or local(parent) not in ("NtryDtls", "Ntry"):
            return None
        rows.append(detail_texts(detail))
        detail.clear()
    return _form(key, [entry_texts(root[0]), *rows])


def _form(key: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> _Form:
    """From rows that hold numbers in place of texts: the pattern, and where in the pool each field is."""
    fields = [[_parts(text) for text in row] for row in rows]
    slots = sorted({part for row in fields for parts in row for part in parts if isinstance(part, int)})
    groups = {slot: number for number, slot in enumerate(slots)}
    pattern = re.escape(key[0])
    for slot, part in enumerate(key[1:]):
        pattern += (">([^<>]+)<" if slot in groups else ">[^<>]+<") + re.escape(part)
    simple = [parts[0] for row in fields for parts in row if len(parts) == 1 and isinstance(parts[0], str)]
    fixed = ["", *dict.fromkeys(simple)]
    joined = tuple(dict.fromkeys(parts for row in fields for parts in row if len(parts) > 1))

    def place(parts: _Parts) -> int:
        match parts:
            case ():
                return 0
            case (int(slot),):
                return len(fixed) + groups[slot]
            case (str(text),):
                return fixed.index(text)
            case _:
                return len(fixed) + len(slots) + joined.index(parts)

    by_group = tuple(tuple(part if isinstance(part, str) else groups[part] for part in parts) for parts in joined)
    picks: list[_Pick] = [itemgetter(*(place(parts) for parts in row)) for row in fields]
    return _Form(re.compile(pattern), fixed, by_group, tuple(picks))


def _parts(text: str) -> _Parts:
    """``"ISO \ue0004\ue001/\ue0005\ue001"`` gives ``("ISO ", 4, "/", 5)``."""
    pieces = _SLOT.split(text)
    found = (int(piece) if number % 2 else piece for number, piece in enumerate(pieces))
    return tuple(part for part in found if part != "")
