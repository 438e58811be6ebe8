"""The envelope (ISO 9735, syntax versions 1 to 4): interchange, optional groups, messages; each level counts what is in
it and repeats its reference at its end, and both are proved.

```
UNA   UNB   [ UNG ]   UNH … UNT   UNH … UNT   [ UNE ]   UNZ
```

* A message is looked at once its ``UNT`` has held. One that is broken, unknown or does not add up is refused by
  itself: it gives no records, and its problems stand at its :class:`EnvelopePart`.
* A group or interchange that does not count right is a fault of the whole document, whatever its messages say.
* Every interchange of a file ends with one :class:`Interchange`, also when it was refused.
"""

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import date

from tieout.formats.edifact.message import Header, Message, part, where
from tieout.formats.edifact.syntax import ENCODINGS, Opening, day_of, opening
from tieout.formats.edifact.tree import build, rules
from tieout.formats.interchanges import Names, Reasons
from tieout.formats.reading import Context, Findings, quoted, spot
from tieout.formats.segments import Segment, tokens
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import Document, EnvelopeGroup, EnvelopePart, Interchange

STANDARD = "edifact"
#: A reader of one message type.
MessageReader = Callable[[Message], Iterator[Document]]
#: A message is held in memory until its end; more segments than this are no business document.
SEGMENTS_MAX = 250_000
#: Interchanges of one file that are divided by other signs, or written in other letters, than the one before.
_CHANGES_MAX = 100
_COUNT = re.compile(r"[0-9]{1,10}", re.ASCII)
#: Segments that say who, what, how much and of which: at a wrong place they could mean another thing.
_VITAL = frozenset(
    (
        *("BGM", "NAD", "CUX", "CPS", "LIN", "QTY", "MOA", "PRI", "TAX", "ALC", "PCD", "DOC", "AJT", "DLI"),
        *("UNS", "CNT", "UCI", "UCM", "UCF", "UCS", "ERC"),
    )
)
_ASCII_LEVELS = ("UNOA", "UNOB")


def read_interchanges(
    readers: Mapping[str, MessageReader], source: Source, context: Context, findings: Findings
) -> Iterator[Document]:
    """Read all interchanges of a file, with the readers for the types of message that we know."""
    yield from _File(readers, source, context, findings).read()


class _Level:
    """What is open on one level of the envelope: its first segment, and what has been counted in it."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.messages = 0
        self.groups = 0
        self.packages = 0
        self.problems: list[Problem] = []


class _File:
    """A file being read: which levels of the envelope are open, and what was found in the current interchange."""

    def __init__(
        self, readers: Mapping[str, MessageReader], source: Source, context: Context, findings: Findings
    ) -> None:
        self.readers = readers
        self.source = source
        self.limits = context.limits
        self.findings = findings
        self.names = Names.of(context)
        self.opening: Opening
        self.advice: Segment | None = None
        self.interchange: _Level | None = None
        self.group: _Level | None = None
        self.message: list[Segment] = []
        self.message_size = 0
        self.package: Segment | None = None
        self.parts: list[EnvelopePart] = []
        self.groups: list[EnvelopeGroup] = []
        self.references: set[tuple[str, str]] = set()
        self.controls: set[tuple[str, ...]] = set()
        self.handlers: dict[str, Callable[[Segment], Iterator[Document]]] = {
            "UNB": self._unb,
            "UNG": self._ung,
            "UNH": self._unh,
            "UNT": self._unt,
            "UNE": self._une,
            "UNZ": self._unz,
            "UNO": self._uno,
        }

    # ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self) -> Iterator[Document]:
        """All interchanges, one after the other."""
        at = 0
        for _ in range(_CHANGES_MAX):
            found = opening(self.source, at)
            if isinstance(found, Problem):
                self.findings.refuse(found)
                yield _unopened(found)
                return
            self.opening = found
            if found.level.partition(":")[0] not in ENCODINGS:
                detail = "an unknown syntax level (S001); read as Latin-1"
                self.findings.note(Code.UNKNOWN_CODE, f"UNB, byte {found.start}", actual=found.level, detail=detail)
            changed_at = yield from self._read_from(found)
            if changed_at is None:
                return
            at = changed_at
        self.findings.fault(Code.TOO_LARGE, f"byte {at}", limit=f"{_CHANGES_MAX} changes of separators in one file")

    def _read_from(self, opened: Opening) -> Generator[Document, None, int | None]:
        """Read on as long as signs and letters stay the same; returns the byte at which others begin."""
        for found in tokens(self.source, opened.syntax, opened.encoding, self.limits, opened.start):
            if isinstance(found, Problem):
                if self.interchange is None and (at := self._reopened(found)):
                    return at
                self.findings.refuse(found)
                yield from self._abandon(found)
                return None
            if self.interchange is None and self._is_advice(found):
                continue
            if self.interchange is None and self._changes(found):
                return self.advice.offset if self.advice else found.offset
            yield from self._take(found)
        if self.interchange is not None:
            yield from self._abandon(self._missing("UNZ"))
        return None

    def _is_advice(self, segment: Segment) -> bool:
        """Whether this is the ``UNA`` of the next interchange, and the same as before."""
        text = self.opening.syntax.element.join((segment.tag, *segment.elements)) + self.opening.syntax.segment
        if not text.startswith("UNA") or text != self.opening.advice:
            return False
        self.advice = segment
        return True

    def _changes(self, segment: Segment) -> bool:
        """Whether the next interchange has to be divided or decoded in another way."""
        if segment.offset == self.opening.start or not segment.tag.startswith(("UNA", "UNB")):
            return False
        level = f"{part(segment, 1)}:{part(segment, 1, 2) or '1'}"
        same = segment.tag == "UNB" and level == self.opening.level
        return not same or bool(self.opening.advice) != bool(self.advice)

    def _reopened(self, problem: Problem) -> int | None:
        """Where the next interchange begins, if it has another terminator, for want of which no segment ended."""
        place = spot(problem.where)
        if problem.code is not Code.UNREADABLE or place is None or place[1] <= self.opening.start:
            return None
        return None if isinstance(opening(self.source, place[1]), Problem) else place[1]

    def _take(self, segment: Segment) -> Iterator[Document]:
        """One segment, on whichever level it belongs."""
        if self.package is not None:
            self._skip_package(segment)
        elif handler := self.handlers.get(segment.tag):
            yield from handler(segment)
        elif self.message:
            self.message_size += 1
            if self.message_size <= SEGMENTS_MAX:
                self.message.append(segment)
        else:
            self._fault(Code.BAD_VALUE, segment, "a segment outside of any message", segment.tag)

    def _fault(self, code: Code, segment: Segment, detail: str, actual: str = "") -> None:
        """Something that refuses the whole interchange."""
        place = segment.where if len(segment.tag) <= 3 else f"segment {segment.number}, byte {segment.offset}"
        self._refuse(Problem(code, place, actual=quoted(actual), detail=detail))

    def _refuse(self, problem: Problem) -> None:
        self.findings.refuse(problem)
        if self.interchange is not None:
            self.interchange.problems.append(problem)

    def _prove(self, level: _Level, segment: Segment, name: str, declared: str, computed: str, *, holds: bool) -> None:
        """A count or a reference that an end repeats. One that differs refuses the interchange."""
        self.findings.claim(name, segment.where, declared, computed, holds)
        if holds:
            return
        problem = Problem(Code.TOTALS_DISAGREE, segment.where, computed, quoted(declared), detail=name)
        for refused in {id(level): level, id(self.interchange): self.interchange}.values():
            if refused is not None:
                refused.problems.append(problem)

    def _missing(self, tag: str) -> Problem:
        """An end that never came; also told to the findings."""
        where = self.interchange.segment.where if self.interchange else ""
        problem = Problem(Code.MISSING_FIELD, where, expected=tag, detail="the interchange is cut off or not closed")
        self.findings.refuse(problem)
        return problem

    # ── the interchange ────────────────────────────────────────────────────────────────────────────────────────────

    def _unb(self, segment: Segment) -> Iterator[Document]:
        """An interchange begins."""
        if self.interchange is not None:
            yield from self._abandon(self._missing("UNZ"))
        self.advice = None
        self.interchange = _Level(segment)
        sender, receiver, control = part(segment, 2), part(segment, 3), part(segment, 5)
        for text, name in ((sender, "sender (S002)"), (receiver, "receiver (S003)"), (control, "reference (0020)")):
            if not text:
                self._fault(Code.MISSING_FIELD, segment, f"the {name} of the interchange")
        key = (sender, receiver, control)
        if key in self.controls:
            self._fault(Code.KEY_REUSED, segment, "an interchange of this file already has this reference", control)
        self.controls.add(key)
        if part(segment, 11) == "1":
            detail = "a test interchange: nothing of it may be acted on"
            self.findings.note(Code.UNSUPPORTED_CONTENT, segment.where, detail=detail)

    def _unz(self, segment: Segment) -> Iterator[Document]:
        """An interchange ends: its count and its reference."""
        level = self.interchange
        if level is None:
            self._fault(Code.BAD_VALUE, segment, "the end of an interchange that never began")
            return
        self._end_message()
        self._end_group()
        counts = {level.groups} if level.groups else {level.messages, level.messages + level.packages}
        counted = next((count for count in counts if _is(segment, count)), min(counts))
        name = "UNZ: groups in the interchange" if level.groups else "UNZ: messages in the interchange"
        self._prove(level, segment, name, part(segment, 1), str(counted), holds=_is(segment, counted))
        own, declared = part(level.segment, 5), part(segment, 2)
        self._prove(level, segment, "UNZ: reference of the interchange", declared, own, holds=own == declared)
        yield self._closed(level)

    def _abandon(self, problem: Problem) -> Iterator[Document]:
        """The file broke off; what was open is told as far as it came."""
        level = self.interchange
        if level is None:
            if not self.controls:
                yield _unopened(problem)
            return
        level.problems.append(problem)
        self._end_message()
        self._end_group()
        yield self._closed(level)

    def _closed(self, level: _Level) -> Interchange:
        """The envelope as a record; ready for the next one."""
        unb = level.segment
        found = Interchange(
            standard=STANDARD,
            sender=part(unb, 2),
            receiver=part(unb, 3),
            control=part(unb, 5),
            prepared_on=self._prepared_on(unb),
            version=self.opening.level,
            test=part(unb, 11) == "1",
            wants_acknowledgment=part(unb, 9) == "1",
            groups=tuple(self.groups),
            parts=tuple(self.parts),
            problems=tuple(level.problems),
            sender_qualifier=part(unb, 2, 2),
            receiver_qualifier=part(unb, 3, 2),
        )
        self.interchange, self.parts, self.groups, self.references = None, [], [], set()
        return found

    def _prepared_on(self, unb: Segment) -> date | None:
        """The day of S004: six digits, or eight from version 4 on."""
        text = part(unb, 4)
        found = day_of(text, "YYYYMMDD" if len(text) == 8 else "YYMMDD")
        if found is None:
            self.findings.note(Code.BAD_VALUE, unb.where, expected="the day of preparation (S004)", actual=text)
        return found

    # ── groups and packages ────────────────────────────────────────────────────────────────────────────────────────

    def _ung(self, segment: Segment) -> Iterator[Document]:
        """A functional group begins."""
        yield from ()
        self._end_message()
        self._end_group()
        if self.interchange is None:
            self._fault(Code.BAD_VALUE, segment, "a group outside of any interchange")
            return
        self.interchange.groups += 1
        self.group = _Level(segment)

    def _une(self, segment: Segment) -> Iterator[Document]:
        """A functional group ends: its count and its reference."""
        yield from ()
        self._end_message()
        if self.group is None or self.interchange is None:
            self._fault(Code.BAD_VALUE, segment, "the end of a group that never began")
            return
        group, counted = self.group, self.group.messages
        name = "UNE: messages in the group"
        self._prove(group, segment, name, part(segment, 1), str(counted), holds=_is(segment, counted))
        own, declared = part(group.segment, 5), part(segment, 2)
        self._prove(group, segment, "UNE: reference of the group", declared, own, holds=own == declared)
        self._close_group(group, part(segment, 1))

    def _end_group(self) -> None:
        """A group that is still open when the next one or the end comes."""
        if self.group is None:
            return
        problem = Problem(
            Code.MISSING_FIELD, self.group.segment.where, expected="UNE", detail="the group is not closed"
        )
        self.group.problems.append(problem)
        self._refuse(problem)
        self._close_group(self.group, "")

    def _close_group(self, group: _Level, declared: str) -> None:
        ung = group.segment
        found = EnvelopeGroup(
            kind=part(ung, 1),
            control=part(ung, 5),
            version=":".join(text for number in (1, 2, 3) if (text := part(ung, 7, number))),
            declared=int(declared) if _COUNT.fullmatch(declared) else 0,
            counted=group.messages,
            sender=part(ung, 2),
            receiver=part(ung, 3),
            problems=tuple(group.problems),
        )
        self.groups.append(found)
        self.group = None

    def _uno(self, segment: Segment) -> Iterator[Document]:
        """A package begins: an object, such as an attachment, between ``UNO`` and ``UNP``."""
        yield from ()
        self._end_message()
        self.package = segment
        if self.interchange is not None:
            self.interchange.packages += 1
        detail = "an attached object (UNO to UNP) is not read; the original has it"
        self.findings.note(Code.UNSUPPORTED_CONTENT, segment.where, detail=detail)

    def _skip_package(self, segment: Segment) -> None:
        """The object is not divided into segments; ``UNP`` follows it without a terminator between them."""
        if segment.tag.endswith("UNP") and self.package is not None:
            if part(segment, 2) != part(self.package, 1):
                self._fault(Code.BAD_VALUE, segment, "UNP repeats another reference than UNO", part(segment, 2))
            self.package = None

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _unh(self, segment: Segment) -> Iterator[Document]:
        """A message begins."""
        yield from ()
        self._end_message()
        if self.interchange is None:
            self._fault(Code.BAD_VALUE, segment, "a message outside of any interchange")
            return
        self.message, self.message_size = [segment], 1
        self.interchange.messages += 1
        if self.group is not None:
            self.group.messages += 1

    def _unt(self, segment: Segment) -> Iterator[Document]:
        """A message ends. Only now is it looked at."""
        if not self.message:
            self._fault(Code.BAD_VALUE, segment, "the end of a message that never began")
            return
        header, findings = self._header(), Reasons()
        unh, size = self.message[0], self.message_size + 1
        where_ = where(segment, unh, header)
        own, declared = header.reference, part(segment, 2)
        findings.claim("UNT: segments in the message", where_, part(segment, 1), str(size), _is(segment, size))
        findings.claim("UNT: reference of the message", where_, declared, own, own == declared)
        self._check_header(unh, header, findings)
        records = self._records(header, findings)
        self._settle(header, findings)
        yield from records

    def _end_message(self) -> None:
        """A message that is still open when something else begins is refused."""
        if self.message:
            header, findings = self._header(), Reasons()
            where_ = where(self.message[0], self.message[0], header)
            findings.fault(Code.MISSING_FIELD, where_, expected="UNT", detail="the message is cut off or not closed")
            self._settle(header, findings)

    def _settle(self, header: Header, findings: Reasons) -> None:
        """Take a message over, or put it aside."""
        accepted = findings.proof.holds
        if accepted:
            self.findings.adopt(findings)
        else:
            self.findings.put_aside(findings)
        found = EnvelopePart(
            kind=header.kind,
            control=header.reference,
            version=header.version,
            group=part(self.group.segment, 5) if self.group else "",
            accepted=accepted,
            problems=tuple(findings.reasons),
            offset=self.message[0].offset,
        )
        self.parts.append(found)
        self.message = []

    def _header(self) -> Header:
        unh, unb = self.message[0], self.interchange.segment if self.interchange else None
        version = ":".join(text for number in (2, 3, 4, 5) if (text := part(unh, 2, number)))
        return Header(part(unh, 2), version, part(unh, 1), part(unb, 2), part(unb, 3), self.source.mark)

    def _check_header(self, unh: Segment, header: Header, findings: Findings) -> None:
        """What refuses a message before its content is looked at."""
        where_ = where(unh, unh, header)
        key = (part(self.group.segment, 5) if self.group else "", header.reference)
        if key in self.references:
            detail = "a message of this interchange already has this reference"
            findings.fault(Code.KEY_REUSED, where_, actual=header.reference, detail=detail)
        self.references.add(key)
        if part(unh, 4):
            detail = "one of several parts of a message (UNH, S010); parts are not put together"
            findings.fault(Code.UNSUPPORTED_CONTENT, where_, actual=unh.get(4), detail=detail)
        if self.message_size > SEGMENTS_MAX:
            findings.fault(Code.TOO_LARGE, where_, actual=str(self.message_size), limit=f"{SEGMENTS_MAX} segments")
        if header.kind not in self.readers:
            expected = f"one of {', '.join(sorted(self.readers))}"
            detail = "messages of this type are not read"
            findings.fault(Code.UNSUPPORTED_CONTENT, where_, expected=expected, actual=header.kind, detail=detail)

    def _records(self, header: Header, findings: Findings) -> list[Document]:
        """What a message says, if nothing is wrong with it."""
        if not findings.proof.holds:
            return []
        rule = rules()[header.kind]
        root, strays = build(rule, self.message)
        message = Message(header, root, self.opening, self.names, findings)
        if self.opening.level.startswith(_ASCII_LEVELS):
            self._note_letters(message)
        for segment in strays:
            if segment.tag in _VITAL:
                detail = "a segment at a place where the message cannot have it"
                findings.fault(Code.BAD_VALUE, message.where(segment), actual=segment.tag, detail=detail)
            else:
                detail = "a segment that has no place in the message; passed over"
                findings.note(Code.UNSUPPORTED_CONTENT, message.where(segment), actual=segment.tag, detail=detail)
        records = list(self.readers[header.kind](message))
        return records if findings.proof.holds else []

    def _note_letters(self, message: Message) -> None:
        """Levels A and B have no letters beyond ASCII; senders write them, in Latin-1 almost always."""
        for segment in self.message:
            if not all(map(str.isascii, segment.elements)):
                detail = f"letters that {self.opening.level} does not have; read as Latin-1"
                message.findings.note(Code.BAD_VALUE, message.where(segment), detail=detail)
                return


def _unopened(problem: Problem) -> Interchange:
    """The envelope of a file in which none was found."""
    return Interchange(standard=STANDARD, sender="", receiver="", control="", problems=(problem,))


def _is(segment: Segment, count: int) -> bool:
    """Whether the first element of an end segment is this count."""
    text = part(segment, 1)
    return bool(_COUNT.fullmatch(text)) and int(text) == count
