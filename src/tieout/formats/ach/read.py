"""ACH files: returns, notifications of change and acknowledgments of our payments, and entries for our accounts.

A file is a header (1), batches (5 … 8) of entries (6) with their addenda (7), and a control (9), filled with nines to
blocks of ten records. Everything that a control says is proved: counts, the hash of routing numbers, both totals,
batches and blocks. One transmission may hold several files. A file of entries that are neither answers nor for an
account of ours is read and proved, and gives no records: it is what somebody originated.

Entries are tallied many at a time (a *run*), which is what makes large files fast; one that has addenda is looked at as
soon as they are complete.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import compress
from operator import ge
from typing import Any

from tieout.formats.ach import layouts
from tieout.formats.ach.answers import read_acknowledgment, read_change, read_return
from tieout.formats.ach.entries import (
    ACKNOWLEDGMENTS,
    ADVICE,
    COUNTED,
    SECS,
    SIDES,
    TRANSACTIONS,
    Batch,
    Entry,
    day_of_six,
    day_of_year,
)
from tieout.formats.ach.layouts import ADVICE_BATCH_CONTROL, ADVICE_FILE_CONTROL, BATCH_CONTROL, FILE_CONTROL, at
from tieout.formats.ach.ours import Ours
from tieout.formats.ach.routing import is_routing_number
from tieout.formats.lines import Layout, Line, lines
from tieout.formats.reading import Context, Findings
from tieout.formats.source import Source
from tieout.kernel.problem import Code, Problem
from tieout.kernel.text import parse_day

#: So many entries are tallied together.
RUN_MAX = 1_000
#: No entry has more addenda (CTX).
ADDENDA_MAX = 9_999
_HASH = 10**10


def read_ach(source: Source, context: Context, findings: Findings) -> Iterator[Any]:
    """Read one transmission."""
    reading = _Transmission(context, findings)
    run, addenda, found = reading.run, reading.addenda, reading.found
    for line in lines(source, context.limits, encoding="", width=layouts.WIDTH):
        if isinstance(line, Problem):
            findings.refuse(line)
            if line.code is Code.TOO_LARGE:
                return
            reading.records += 1
            continue
        kind = line.text[0]
        if kind == "6":
            if addenda:
                reading.close_entry()
            if len(run) == RUN_MAX:
                reading.close_run()
            run.append(line)
        elif kind == "7":
            addenda.append(line)
            if len(addenda) > ADDENDA_MAX:
                reading.close_entry()
        else:
            reading.record(kind, line)
        if found:
            yield from found
            found.clear()
    reading.end(source.size)
    yield from found


class _Transmission:
    """Where we are in a transmission: the file, the batch, the run of entries, and the addenda of the last entry."""

    def __init__(self, context: Context, findings: Findings) -> None:
        self.findings = findings
        self.ours = Ours(context, findings)
        self.run: list[Line] = []
        self.addenda: list[Line] = []
        self.found: list[Any] = []
        self.records = 0
        self._with_addenda: set[int] = set()
        self._batch: Batch | None = None
        self._is_open = False
        self._is_advice = False
        self._written_on: date | None = None
        self._last_batch = -1
        self._files = 0
        self._sums = [0] * 5
        self._forward: dict[str, int] = {}
        self._control: tuple[Line, int, str] | None = None

    def record(self, kind: str, line: Line) -> None:
        """A record that is neither an entry nor an addendum."""
        self.close_run()
        if kind == "9" and not line.text.rstrip().strip("9"):
            self.records += 1
            return
        match kind:
            case "1":
                self._open_file(line)
            case "5":
                self._open_batch(line)
            case "8":
                self._close_batch(line)
            case "9":
                self._close_file(line)
            case _:
                where = f"record {self.records + 1}, byte {line.offset}"
                expected = "a record that begins with 1, 5, 6, 7, 8 or 9"
                self.findings.fault(Code.BAD_VALUE, where, expected=expected, actual=line.text[:20])
        self.records += 1

    # ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open_file(self, line: Line) -> None:
        self._not_within("a file", line)
        self._prove_blocks()
        values = layouts.FILE_HEADER.read(line, self.findings)
        self._written_on = parse_day(values["created_on"])
        self._is_open, self._is_advice, self._last_batch = True, False, -1
        self._sums, self.records = [0] * 5, 0
        self._files += 1

    def _close_file(self, line: Line) -> None:
        """Prove the totals of the file against the sums of its batches."""
        if self._batch is not None:
            self._missing("a batch control (8)", line)
        if not self._is_open:
            self._missing("a file header (1)", line)
            return
        layout = ADVICE_FILE_CONTROL if self._is_advice else FILE_CONTROL
        values = layout.read(line, self.findings)
        computed = (*self._sums[:2], self._sums[2] % _HASH, *self._sums[3:])
        for field, total in zip(("batches", "count", "hash", "debit", "credit"), computed, strict=True):
            self._claim(layout, line, "file", field, values[field], total)
        self._control = (line, self.records + 1, values["blocks"])
        self._is_open = False

    def _prove_blocks(self) -> None:
        """The number of blocks counts all records, with the nines that fill the last block or as if they were there."""
        if self._control is None:
            return
        line, counted, declared = self._control
        blocks = {-(-counted // layouts.BLOCK), -(-self.records // layouts.BLOCK)}
        computed = next((str(count) for count in blocks if str(count) == declared), str(min(blocks)))
        where = FILE_CONTROL.place(line, "blocks")
        self.findings.claim("number of blocks of the file", where, declared, computed, declared == computed)
        self._control = None

    def end(self, size: int) -> None:
        """The end of the transmission."""
        self.close_run()
        self._prove_blocks()
        if not self._files:
            self.findings.fault(Code.MISSING_FIELD, "byte 0", expected="a file header (1)")
        elif self._is_open or self._batch is not None:
            where = f"file control, byte {size}"
            self.findings.fault(Code.MISSING_FIELD, where, expected="a file control (9)", detail="cut off")
        if self._forward:
            listed = ", ".join(f"{count} {sec}" for sec, count in sorted(self._forward.items()))
            detail = "an origination file, not an answer of a bank: its entries are for accounts that are not ours"
            self.findings.note(Code.UNSUPPORTED_CONTENT, "entries, byte 0", actual=listed, detail=detail)

    # ── batches ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _open_batch(self, line: Line) -> None:
        self._not_within("a batch", line)
        if not self._is_open:
            self._missing("a file header (1)", line)
        values = layouts.BATCH_HEADER.read(line, self.findings)
        sec = values["sec"].upper()
        if sec not in SECS:
            where = layouts.BATCH_HEADER.place(line, "sec")
            self.findings.note(Code.UNKNOWN_CODE, where, actual=sec, detail="a standard entry class; read as any other")
        self._batch = Batch(
            number=values["batch"].lstrip("0") or "0",
            sec=sec,
            company=values["company"],
            service_class=values["service_class"],
            description=values["description"],
            odfi=values["odfi"],
            written_on=self._written_on,
            settled_on=day_of_year(values["settled_on"], self._written_on),
            effective_on=day_of_six(values["effective_on"]),
        )
        self._is_advice = self._is_advice or sec == ADVICE
        self._check_order(self._batch, line)

    def _check_order(self, batch: Batch, line: Line) -> None:
        """Batches are numbered upwards."""
        number = int(batch.number) if batch.number.isascii() and batch.number.isdecimal() else -1
        if 0 <= number <= self._last_batch:
            where, expected = layouts.BATCH_HEADER.place(line, "batch"), f"more than {self._last_batch}"
            self.findings.note(Code.BAD_VALUE, where, expected=expected, actual=batch.number)
        self._last_batch = max(self._last_batch, number)

    def _close_batch(self, line: Line) -> None:
        """Prove the totals of a batch against its entries."""
        batch, self._batch = self._batch, None
        if batch is None:
            self._missing("a batch header (5)", line)
            return
        layout = ADVICE_BATCH_CONTROL if batch.sec == ADVICE else BATCH_CONTROL
        values = layout.read(line, self.findings)
        self._claim(layout, line, batch.name, "count", values["count"], batch.count)
        self._claim(layout, line, batch.name, "hash", values["hash"], batch.hash % _HASH)
        self._claim(layout, line, batch.name, "debit", values["debit"], batch.debit)
        self._claim(layout, line, batch.name, "credit", values["credit"], batch.credit)
        number = values["batch"].lstrip("0") or "0"
        if number != batch.number:
            where = layout.place(line, "batch")
            self.findings.note(Code.BAD_VALUE, where, expected=batch.number, actual=number)
        if values["service_class"] != batch.service_class:
            where = layout.place(line, "service_class")
            self.findings.note(Code.BAD_VALUE, where, expected=batch.service_class, actual=values["service_class"])
        for index, value in enumerate((1, batch.count, batch.hash, batch.debit, batch.credit)):
            self._sums[index] += value
        self.found += self.ours.notified()

    # ── entries ────────────────────────────────────────────────────────────────────────────────────────────────────

    def close_entry(self) -> None:
        """The addenda of the last entry are complete."""
        addenda, batch = self.addenda[:], self._batch
        self.addenda.clear()
        self.records += len(addenda)
        if not self.run or batch is None:
            self._missing("an entry (6) before the addendum", addenda[0])
            return
        if len(addenda) > ADDENDA_MAX:
            limit = f"{ADDENDA_MAX} addenda of one entry"
            self.findings.fault(Code.TOO_LARGE, f"addenda, byte {addenda[0].offset}", limit=limit)
        batch.count += len(addenda)
        line = self.run[-1]
        if line.number in self._with_addenda:
            return
        self._with_addenda.add(line.number)
        if self._are_digits(line, batch):
            self._understand(Entry(line, addenda, batch))

    def _understand(self, entry: Entry) -> None:
        """What an entry with addenda is to us."""
        answers = [line for line in entry.addenda if line.text[1:3] in ("98", "99")]
        for line in answers:
            if line.text[1:3] == "99":
                self.found.append(read_return(entry, line, self.findings))
            else:
                self.found += read_change(entry, line, self.findings)
        if not answers:
            self._check_addenda(entry)
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        """An entry that is no answer by its addenda: an acknowledgment, one for an account of ours, or a stranger's."""
        batch = entry.batch
        if batch.sec in ACKNOWLEDGMENTS:
            self.found.append(read_acknowledgment(entry))
        elif not self.ours.takes(entry):
            self._forward[batch.sec] = self._forward.get(batch.sec, 0) + 1
        elif self.ours.is_full:
            self.found += self.ours.notified()

    def close_run(self) -> None:
        """Tally the entries that have come together, and take those without addenda."""
        if self.addenda:
            self.close_entry()
        run, batch = self.run, self._batch
        if not run:
            return
        self.records += len(run)
        if batch is None:
            self._missing("a batch header (5)", run[0])
        else:
            self._tally(run, batch)
            self._take_plain(run, batch)
        run.clear()
        self._with_addenda.clear()

    def _take_plain(self, run: list[Line], batch: Batch) -> None:
        """The entries of a run that have no addenda. Those that can be nothing to us are only counted."""
        looked_at: Iterable[Line] = ()
        if batch.sec in ACKNOWLEDGMENTS:
            looked_at = run
        elif self.ours:
            looked_at = self.ours.candidates(run, batch.account_columns)
        plain = len(run) - len(self._with_addenda)
        for line in looked_at:
            if line.number not in self._with_addenda:
                plain -= 1
                if self._are_digits(line, batch):
                    self._take(Entry(line, (), batch))
        if plain:
            self._forward[batch.sec] = self._forward.get(batch.sec, 0) + plain

    def _tally(self, run: list[Line], batch: Batch) -> None:
        """Add entries to the sums of their batch, and look at what each must have."""
        texts, amounts_at = [line.text for line in run], batch.amount_columns
        banks, amounts = [text[3:12] for text in texts], [text[amounts_at] for text in texts]
        if not _are_digits(banks) or not _are_digits(amounts):
            texts = [line.text for line in run if self._are_digits(line, batch)]
            self._complain(run, batch)
            banks, amounts = [text[3:12] for text in texts], [text[amounts_at] for text in texts]
        batch.count += len(run)
        counted = Counter(banks)
        batch.hash += sum(int(bank[:8]) * count for bank, count in counted.items())
        self._add_up(run, batch, [text[1:3] for text in texts], amounts)
        if batch.sec != ADVICE:
            self._check_traces(run, batch)
        if not all(map(is_routing_number, counted)):
            self._note_routing(run)
        if [text[78] for text in texts].count("1") != len(self._with_addenda):
            self._note_indicators(run)

    def _add_up(self, run: list[Line], batch: Batch, codes: list[str], amounts: list[str]) -> None:
        """Debits and credits, by the transaction codes."""
        distinct = sorted(set(codes))
        for code in distinct:
            of_code = amounts if len(distinct) == 1 else compress(amounts, map(code.__eq__, codes))
            total = sum(map(int, of_code))
            if code not in TRANSACTIONS:
                line = next(line for line in run if line.text[1:3] == code)
                detail = "a transaction code; counted neither as a debit nor as a credit"
                self.findings.note(Code.UNKNOWN_CODE, at(line, "entry", "transaction", 2), actual=code, detail=detail)
            elif SIDES[code] == "credit":
                batch.credit += total
            else:
                batch.debit += total

    # ── what is worth knowing ──────────────────────────────────────────────────────────────────────────────────────

    def _are_digits(self, line: Line, batch: Batch) -> bool:
        return _are_digits((line.text[3:11], line.text[batch.amount_columns]))

    def _complain(self, run: list[Line], batch: Batch) -> None:
        """Entries whose amount or bank cannot be read."""
        for line in run:
            for field, columns in (("routing", slice(3, 11)), ("amount", batch.amount_columns)):
                if not _are_digits((line.text[columns],)):
                    where = at(line, "entry", field, columns.start + 1)
                    self.findings.fault(Code.BAD_VALUE, where, expected="digits", actual=line.text[columns])

    def _check_traces(self, run: list[Line], batch: Batch) -> None:
        """Trace numbers ascend within a batch. Told once for each batch."""
        traces = [batch.trace, *(line.text[79:94] for line in run)]
        if not batch.told and any(map(ge, traces, traces[1:])):
            index = next(index for index, line in enumerate(run) if traces[index] >= line.text[79:94])
            where, expected = at(run[index], "entry", "trace", 80), f"more than {traces[index]}"
            self.findings.note(Code.BAD_VALUE, where, expected=expected, actual=traces[index + 1])
            batch.told = True
        batch.trace = traces[-1]

    def _note_routing(self, run: list[Line]) -> None:
        """A routing number with a wrong check digit: the network will return the entry (R28)."""
        for line in run:
            if not is_routing_number(line.text[3:12]):
                where, expected = at(line, "entry", "routing", 4), "a routing number with its check digit"
                self.findings.note(Code.BAD_VALUE, where, expected=expected, actual=line.text[3:12])

    def _note_indicators(self, run: list[Line]) -> None:
        """The addenda record indicator must say whether there are addenda."""
        for line in run:
            expected = "1" if line.number in self._with_addenda else "0"
            if line.text[78] != expected:
                where = at(line, "entry", "addenda", 79)
                self.findings.note(Code.BAD_VALUE, where, expected=expected, actual=line.text[78])

    def _check_addenda(self, entry: Entry) -> None:
        """Addenda with payment information are numbered from 1; corporate entries say how many there are."""
        numbered = [line for line in entry.addenda if line.text[1:3] in ("05", "17")]
        for count, line in enumerate(numbered, 1):
            if line.text[83:87] != f"{count:04}":
                where = at(line, "addendum", "sequence", 84)
                self.findings.note(Code.BAD_VALUE, where, expected=f"{count:04}", actual=line.text[83:87])
                break
        if entry.batch.sec in COUNTED:
            declared, computed = entry.line.text[54:58], len(entry.addenda)
            holds = _are_digits((declared,)) and int(declared) == computed
            where = at(entry.line, "entry", "addenda_count", 55)
            self.findings.claim(f"addenda of entry {entry.trace}", where, declared.strip(), str(computed), holds)

    def _claim(self, layout: Layout, line: Line, whole: str, field: str, declared: str, computed: int) -> None:
        """One total of a control. A number that was cut off at its end is no number, even if it is zero."""
        name = f"{_NAMES[field]} of {'the file' if whole == 'file' else whole}"
        holds = declared == str(computed) and not line.text[_last_column(layout, field)].isspace()
        self.findings.claim(name, layout.place(line, field), declared, str(computed), holds)

    def _missing(self, expected: str, line: Line) -> None:
        self.findings.fault(Code.MISSING_FIELD, f"record {self.records + 1}, byte {line.offset}", expected=expected)

    def _not_within(self, what: str, line: Line) -> None:
        """A file or a batch begins where the one before it has not ended."""
        if self._batch is not None:
            self._missing("a batch control (8)", line)
            self._batch = None
        if what == "a file" and self._is_open:
            self._missing("a file control (9)", line)


#: What people call the totals of a control.
_NAMES = {
    "batches": "number of batches",
    "count": "number of entries and addenda",
    "hash": "hash of routing numbers",
    "debit": "total of debits in cents",
    "credit": "total of credits in cents",
}


def _last_column(layout: Layout, name: str) -> int:
    """Where a field ends, from 0."""
    return next(field.start + field.length - 2 for field in layout.fields if field.name == name)


def _are_digits(texts: tuple[str, ...] | list[str]) -> bool:
    """Whether every text is filled with digits. Blanks at the edges would be read as nothing by ``int``."""
    joined = "".join(texts)
    return joined.isascii() and joined.isdecimal()
