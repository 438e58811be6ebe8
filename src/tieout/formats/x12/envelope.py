"""The envelope (X12.5, X12.6): interchange, functional groups, transaction sets; each level counts what is in it and
repeats its control number at its end, and both are proved.

```
ISA  [ TA1 ]   GS   ST … SE   ST … SE   GE   GS … GE   IEA
```

* A set is looked at once its ``SE`` has held. One that is broken, unknown or does not add up is refused by itself: it
  gives no records, and its problems stand at its :class:`EnvelopePart`.
* A group or interchange that does not count right is a fault of the whole document, whatever its sets say.
* Every interchange of a file ends with one :class:`Interchange`, also when it was refused, so that it can be answered.
"""

from collections.abc import Callable, Generator, Iterator, Mapping

from msgspec.structs import replace

from tieout.formats.interchanges import Names, Reasons
from tieout.formats.reading import Context, Findings, quoted, spot
from tieout.formats.segments import Segment, tokens
from tieout.formats.source import Source
from tieout.formats.x12.checks import check
from tieout.formats.x12.message import Header, Message, is_count, place, value
from tieout.formats.x12.syntax import ISA_WIDTHS, Opening, day_of, is_same, opening
from tieout.formats.x12.tables import GROUPS, LAYOUTS, layout
from tieout.formats.x12.tree import build
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Acknowledgment, Document, EnvelopeGroup, EnvelopePart, Interchange

STANDARD = "x12"
#: A reader of one type of set.
SetReader = Callable[[Message], Iterator[Document]]
#: A set is held in memory until its end; more segments than this are no business document.
SEGMENTS_MAX = 250_000
#: Interchanges of one file that are divided by other signs than the one before.
_CHANGES_MAX = 64
#: How much is kept of a name or control number that is longer than the standard allows.
_NAME_MAX = 35
_TEST, _USAGES = "T", ("P", "T", "I")
#: What ``TA1`` says of an interchange of ours (element I17).
_TA1_STATUS = {"A": "accepted", "E": "noted", "R": "rejected"}
#: Segments that may stand between ``ISA`` and the first group for the services of a network; they carry no business.
_SERVICE = ("ISB", "ISE")


def read_interchanges(
    readers: Mapping[str, SetReader], source: Source, context: Context, findings: Findings
) -> Iterator[Document]:
    """Read all interchanges of a file, with the readers for the types of set that we know."""
    yield from _File(readers, source, context, findings).read()


class _Level:
    """What is open on one level of the envelope: its first segment, and what has been counted in it."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.counted = 0
        self.problems: list[Problem] = []
        self.controls: set[str] = set()


class _File:
    """A file being read: which levels of the envelope are open, and what was found in the current interchange."""

    def __init__(self, readers: Mapping[str, SetReader], source: Source, context: Context, findings: Findings) -> None:
        self.readers = readers
        self.source = source
        self.limits = context.limits
        self.findings = findings
        self.names = Names.of(context)
        self.interchange: _Level | None = None
        self.group: _Level | None = None
        self.set: list[Segment] = []
        self.set_size = 0
        self.parts: list[EnvelopePart] = []
        self.groups: list[EnvelopeGroup] = []
        self.controls: set[tuple[str, str, str]] = set()
        self.closed: Interchange | None = None
        self.handlers: dict[str, Callable[[Segment], Iterator[Document]]] = {
            "ISA": self._isa,
            "TA1": self._ta1,
            "GS": self._gs,
            "ST": self._st,
            "SE": self._se,
            "GE": self._ge,
            "IEA": self._iea,
        }

    # ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self) -> Iterator[Document]:
        """All interchanges, one after the other."""
        at: int | None = 0
        for _ in range(_CHANGES_MAX):
            assert at is not None
            found = opening(self.source, at)
            if isinstance(found, Problem):
                self._refuse(found)
                if self.closed is None:
                    self.closed = Interchange(standard=STANDARD, sender="", receiver="", control="", problems=(found,))
                break
            at = yield from self._read_from(found)
            if at is None:
                break
        else:
            limit = f"{_CHANGES_MAX} changes of separators in one file"
            self._refuse(Problem(Code.TOO_LARGE, f"byte {at}", limit=limit))
        yield from self._flush()

    def _read_from(self, opened: Opening) -> Generator[Document, None, int | None]:
        """Read on as long as the signs stay the same; returns the byte at which others begin."""
        for found in tokens(self.source, opened.syntax, opened.encoding, self.limits, opened.start):
            if isinstance(found, Problem):
                if (at := self._other_at(found, opened)) is not None:
                    return at
                self._refuse(found)
                self._abandon()
                self.closed = self.closed or Interchange(
                    standard=STANDARD, sender="", receiver="", control="", problems=(found,)
                )
                return None
            if self._is_other(found, opened):
                return found.offset
            yield from self._take(found)
        if self.interchange is not None:
            self._missing("IEA", self.interchange.segment)
            self._abandon()
        return None

    def _is_other(self, segment: Segment, opened: Opening) -> bool:
        """Whether the next interchange has to be divided in another way."""
        is_first = segment.offset == opened.start
        return self.interchange is None and segment.tag.startswith("ISA") and not is_first and not is_same(segment)

    def _other_at(self, problem: Problem, opened: Opening) -> int | None:
        """The byte at which an interchange begins that cannot be divided by the signs of the one before."""
        place = spot(problem.where)
        if self.interchange is not None or place is None or place[1] <= opened.start:
            return None
        return place[1] if isinstance(opening(self.source, place[1]), Opening) else None

    def _take(self, segment: Segment) -> Iterator[Document]:
        """One segment, on whichever level it belongs."""
        if handler := self.handlers.get(segment.tag):
            yield from handler(segment)
        elif self.set:
            self.set_size += 1
            if self.set_size <= SEGMENTS_MAX:
                self.set.append(segment)
        elif segment.tag in _SERVICE and self.interchange is not None and self.group is None:
            detail = "a service segment of a network; it is not read"
            self.findings.note(Code.UNSUPPORTED_CONTENT, segment.where, detail=detail)
        else:
            self._fault(Code.BAD_VALUE, segment, "a segment outside of any transaction set", actual=segment.tag)

    def _fault(self, code: Code, segment: Segment, detail: str, index: int = 0, actual: str = "") -> None:
        """Something that refuses the whole interchange."""
        self._refuse(Problem(code, _where(segment, index), actual=quoted(actual), detail=detail))

    def _refuse(self, problem: Problem) -> None:
        """Refuse what is open; after an ``IEA``, the interchange before it, whose end is not the end."""
        self.findings.refuse(problem)
        if self.interchange is not None:
            self.interchange.problems.append(problem)
        elif self.closed is not None:
            self.closed = replace(self.closed, problems=(*self.closed.problems, problem))

    def _prove(self, level: _Level, segment: Segment, index: int, name: str, computed: str, *, holds: bool) -> None:
        """A count or a control number that an end repeats. One that differs refuses the interchange."""
        declared, where = value(segment, index), _where(segment, index)
        self.findings.claim(name, where, declared, computed, holds)
        if not holds:
            problem = Problem(Code.TOTALS_DISAGREE, where, computed, quoted(declared), detail=name)
            for refused in {id(level): level, id(self.interchange): self.interchange}.values():
                if refused is not None:
                    refused.problems.append(problem)

    def _missing(self, tag: str, segment: Segment) -> None:
        """An end that never came."""
        detail = "the file is cut off, or this was not closed"
        problem = Problem(Code.MISSING_FIELD, _where(segment), expected=tag, detail=detail)
        if self.group is not None and tag == "GE":
            self.group.problems.append(problem)
        self._refuse(problem)

    def _flush(self) -> Iterator[Document]:
        """The last interchange, now that it is known what follows it."""
        if self.closed is not None:
            yield self.closed
        self.closed = None

    # ── the interchange ────────────────────────────────────────────────────────────────────────────────────────────

    def _isa(self, segment: Segment) -> Iterator[Document]:
        """An interchange begins."""
        if self.interchange is not None:
            self._missing("IEA", self.interchange.segment)
            self._abandon()
        yield from self._flush()
        self.interchange = _Level(segment)
        widths = tuple(len(text) for text in segment.elements)
        wrong = [at for at, pair in enumerate(zip(widths, ISA_WIDTHS, strict=False), start=1) if pair[0] != pair[1]]
        if wrong or len(widths) != len(ISA_WIDTHS):
            names = " ".join(f"ISA{at:02}" for at in wrong) or f"{len(widths)} elements"
            detail = "ISA has a fixed length of 106 characters, of which each element has its share"
            self._fault(Code.BAD_VALUE, segment, detail, wrong[0] if wrong else 0, names)
        sender, receiver, control = value(segment, 6), value(segment, 8), value(segment, 13)
        for index, text in ((6, sender), (8, receiver)):
            if not text:
                self._fault(Code.MISSING_FIELD, segment, "the interchange does not say from whom to whom", index)
        if not (control.isascii() and control.isdigit()):
            self._fault(Code.BAD_VALUE, segment, "the control number is no number", 13, control)
        key = (sender, receiver, control)
        if key in self.controls:
            self._fault(Code.KEY_REUSED, segment, "an interchange of this file has this control number", 13, control)
        self.controls.add(key)
        self._check_usage(segment)

    def _check_usage(self, segment: Segment) -> None:
        """``ISA15``, and the date, which refuse nothing."""
        usage = value(segment, 15)
        if usage == _TEST:
            detail = "a test interchange: nothing of it may be acted on"
            self.findings.note(Code.UNSUPPORTED_CONTENT, _where(segment, 15), detail=detail)
        elif usage not in _USAGES:
            self.findings.note(Code.UNKNOWN_CODE, _where(segment, 15), expected=" ".join(_USAGES), actual=usage)
        if day_of(value(segment, 9)) is None:
            self.findings.note(Code.BAD_VALUE, _where(segment, 9), expected="a day", actual=value(segment, 9))

    def _ta1(self, segment: Segment) -> Iterator[Document]:
        """A partner's network says what became of an interchange of ours."""
        if self.interchange is None or self.group is not None:
            self._fault(Code.BAD_VALUE, segment, "TA1 belongs between ISA and the first group")
            return
        isa, code, reason = self.interchange.segment, value(segment, 4), value(segment, 5)
        if code not in _TA1_STATUS or not value(segment, 1):
            self._fault(Code.BAD_VALUE, segment, "TA1 with a control number and A, E or R", 4, code)
            return
        told = (Problem(Code.EFFECT_REFUSED, "ISA", actual=reason, detail="TA105"),) if reason.strip("0") else ()
        yield Acknowledgment(
            kind="TA1",
            sender=value(isa, 6),
            receiver=value(isa, 8),
            status=_TA1_STATUS[code],
            interchange=value(segment, 1),
            problems=told,
        )

    def _iea(self, segment: Segment) -> Iterator[Document]:
        """An interchange ends: its count and its control number."""
        yield from ()
        level = self.interchange
        if level is None:
            self._fault(Code.BAD_VALUE, segment, "the end of an interchange that never began")
            return
        self._end_group()
        holds = is_count(value(segment, 1), level.counted)
        self._prove(level, segment, 1, "IEA01: groups in the interchange", str(level.counted), holds=holds)
        own = value(level.segment, 13)
        holds = _is_same_number(value(segment, 2), own)
        self._prove(level, segment, 2, "IEA02: control number of the interchange", own, holds=holds)
        self._close(level)

    def _abandon(self) -> None:
        """The file broke off; what was open is told as far as it came."""
        if self.interchange is not None:
            self._end_group()
            self._close(self.interchange)

    def _close(self, level: _Level) -> None:
        """The envelope as a record, kept until it is known that nothing wrong follows; ready for the next one."""
        isa = level.segment
        self.closed = Interchange(
            standard=STANDARD,
            sender=value(isa, 6),
            receiver=value(isa, 8),
            control=value(isa, 13),
            prepared_on=day_of(value(isa, 9)),
            version=value(isa, 12),
            test=value(isa, 15) == _TEST,
            wants_acknowledgment=value(isa, 14) == "1",
            groups=tuple(self.groups),
            parts=tuple(self.parts),
            problems=tuple(level.problems),
            sender_qualifier=value(isa, 5),
            receiver_qualifier=value(isa, 7),
        )
        self.interchange, self.parts, self.groups = None, [], []

    # ── functional groups ──────────────────────────────────────────────────────────────────────────────────────────

    def _gs(self, segment: Segment) -> Iterator[Document]:
        """A functional group begins."""
        yield from ()
        self._end_group()
        if self.interchange is None:
            self._fault(Code.BAD_VALUE, segment, "a group outside of any interchange")
            return
        self.interchange.counted += 1
        self.group = _Level(segment)
        for index in (1, 6, 8):
            if not value(segment, index):
                self._group_fault(Code.MISSING_FIELD, segment, "a group says what it holds", index)
        key = f"{value(segment, 1)}/{value(segment, 6).lstrip('0')}"
        if key in self.interchange.controls:
            self._group_fault(Code.KEY_REUSED, segment, "a group of this interchange has this control number", 6)
        self.interchange.controls.add(key)
        if day_of(value(segment, 4)) is None:
            self.findings.note(Code.BAD_VALUE, _where(segment, 4), expected="a day", actual=value(segment, 4))

    def _group_fault(self, code: Code, segment: Segment, detail: str, index: int) -> None:
        """Something that is wrong with the group, and so refuses the interchange."""
        problem = Problem(code, _where(segment, index), actual=quoted(value(segment, index)), detail=detail)
        if self.group is not None:
            self.group.problems.append(problem)
        self._refuse(problem)

    def _ge(self, segment: Segment) -> Iterator[Document]:
        """A functional group ends: its count and its control number."""
        yield from ()
        self._end_set()
        group = self.group
        if group is None:
            self._fault(Code.BAD_VALUE, segment, "the end of a group that never began")
            return
        holds = is_count(value(segment, 1), group.counted)
        self._prove(group, segment, 1, "GE01: sets in the group", str(group.counted), holds=holds)
        own = value(group.segment, 6)
        holds = _is_same_number(value(segment, 2), own)
        self._prove(group, segment, 2, "GE02: control number of the group", own, holds=holds)
        self._close_group(group, value(segment, 1))

    def _end_group(self) -> None:
        """A group that is still open when the next one or the end comes."""
        self._end_set()
        if self.group is not None:
            self._missing("GE", self.group.segment)
            self._close_group(self.group, "")

    def _close_group(self, group: _Level, declared: str) -> None:
        gs = group.segment
        found = EnvelopeGroup(
            kind=value(gs, 1),
            control=value(gs, 6),
            version=value(gs, 8),
            declared=int(declared) if len(declared) <= 6 and declared.isascii() and declared.isdigit() else 0,
            counted=group.counted,
            sender=value(gs, 2),
            receiver=value(gs, 3),
            problems=tuple(group.problems),
        )
        self.groups.append(found)
        self.group = None

    # ── transaction sets ───────────────────────────────────────────────────────────────────────────────────────────

    def _st(self, segment: Segment) -> Iterator[Document]:
        """A set begins."""
        yield from ()
        self._end_set()
        if self.group is None:
            self._fault(Code.BAD_VALUE, segment, "a transaction set outside of any group")
            return
        self.set, self.set_size = [segment], 1
        self.group.counted += 1

    def _se(self, segment: Segment) -> Iterator[Document]:
        """A set ends. Only now is it looked at."""
        if not self.set:
            self._fault(Code.BAD_VALUE, segment, "the end of a transaction set that never began")
            return
        header, findings, size = self._header(), Reasons(), self.set_size + 1
        at = (segment, self.set[0], header)
        declared, control = value(segment, 1), value(segment, 2)
        findings.claim("SE01: segments in the set", place(*at, 1), declared, str(size), is_count(declared, size))
        findings.claim("SE02: control number", place(*at, 2), control, header.control, control == header.control)
        records = self._records(header, findings)
        self._settle(header, findings)
        yield from records

    def _records(self, header: Header, findings: Reasons) -> list[Document]:
        """What the set says, if nothing of it has to be refused."""
        st = self.set[0]
        self._check_header(st, header, findings)
        reader = self.readers.get(header.kind)
        if reader is None or header.kind not in LAYOUTS:
            detail = f"no reader for {header.kind or 'a set without a type'}"
            where = place(st, st, header, 1)
            findings.fault(Code.UNSUPPORTED_CONTENT, where, expected=" ".join(LAYOUTS), detail=detail)
            return []
        if self.set_size > SEGMENTS_MAX:
            findings.fault(Code.TOO_LARGE, place(st, st, header), limit=f"{SEGMENTS_MAX} segments in a set")
        if not findings.proof.holds:
            return []
        root, strangers = build(st, self.set[1:], layout(header.kind))
        message = Message(header, root, self.names, findings)
        check(message, self.set, strangers)
        records = list(reader(message)) if findings.proof.holds else []
        return records if findings.proof.holds else []

    def _check_header(self, st: Segment, header: Header, findings: Findings) -> None:
        """``ST``: a control number of its own, and a type that its group may hold."""
        assert self.group is not None
        if not header.control:
            findings.fault(Code.MISSING_FIELD, place(st, st, header, 2), expected="a control number")
        elif header.control in self.group.controls:
            detail = "a set of this group has this control number already"
            findings.fault(Code.KEY_REUSED, place(st, st, header, 2), actual=header.control, detail=detail)
        self.group.controls.add(header.control)
        kinds = GROUPS.get(value(self.group.segment, 1), ())
        if header.kind in LAYOUTS and header.kind not in kinds:
            where, detail = place(st, st, header, 1), f"a group {value(self.group.segment, 1)} does not hold this"
            findings.fault(Code.BAD_VALUE, where, expected=" ".join(kinds), actual=header.kind, detail=detail)

    def _end_set(self) -> None:
        """A set that is still open when something else begins is refused."""
        if self.set:
            header, findings, st = self._header(), Reasons(), self.set[0]
            detail = "the set is cut off or not closed"
            findings.fault(Code.MISSING_FIELD, place(st, st, header), expected="SE", detail=detail)
            self._settle(header, findings)

    def _settle(self, header: Header, findings: Reasons) -> None:
        """Take a set over, or put it aside."""
        accepted = findings.proof.holds
        if accepted:
            self.findings.adopt(findings)
        else:
            self.findings.put_aside(findings)
        found = EnvelopePart(
            kind=header.kind,
            control=header.control,
            group=header.group,
            accepted=accepted,
            problems=tuple(findings.reasons),
            offset=self.set[0].offset,
        )
        self.parts.append(found)
        self.set = []

    def _header(self) -> Header:
        assert self.interchange is not None
        assert self.group is not None
        st, gs, isa = self.set[0], self.group.segment, self.interchange.segment
        return Header(
            kind=value(st, 1)[:_NAME_MAX],
            control=value(st, 2)[:_NAME_MAX],
            group=value(gs, 6),
            version=value(gs, 8),
            senders=tuple(text for text in (value(isa, 6), value(gs, 2)) if text),
            receivers=tuple(text for text in (value(isa, 8), value(gs, 3)) if text),
            mark=self.source.mark,
        )


def _where(segment: Segment, index: int = 0) -> str:
    """The place of a segment of the envelope; a tag that is none is not quoted."""
    tag = segment.tag if len(segment.tag) <= 3 else ""
    return f"{tag}{index:02}, byte {segment.offset}" if index else f"{tag or 'segment'}, byte {segment.offset}"


def _is_same_number(text: str, own: str) -> bool:
    """Control numbers of interchanges and groups are numbers: zeros in front do not count."""
    return text == own or (text.isdigit() and own.isdigit() and text.lstrip("0") == own.lstrip("0"))
