"""What every reader is given and returns: the records, what there is to say about them, and a proof that nothing is
missing.

A reader is a generator (:data:`Reader`): it yields records while it reads and tells a :class:`Findings` what it finds.
So a file of any size is read in constant memory, and one that is small is simply gathered (:func:`gather`). Records
count only once the reader has ended and the proof holds.

Places in a document (``where``) are for people and for pages alike: they begin or end with ``line 12``, ``byte 512``
or ``row 7``, counted from 1 (lines, rows) or 0 (bytes), which :func:`spot` reads back.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct, field

from tieout.formats.source import Bytes, Source
from tieout.kernel.problem import Code, Problem

#: A hostile file must not become a flood of diagnostics: beyond this many only their number is kept.
DIAGNOSTICS_MAX = 200
#: So many claims that hold are kept one by one; of more only their number is. One that fails is always kept.
CLAIMS_MAX = 1_000
#: How much of a wrong value is quoted in a problem.
QUOTED_MAX = 80

R = TypeVar("R")


class Limits(Struct, frozen=True):
    """The budget of one document. XML nested deeper than 256 is refused by the parser, whatever stands here.

    ``elements_max`` counts XML elements, or cells of a table.
    """

    bytes_max: int = 256 * 2**20
    elements_max: int = 20_000_000


class CsvShape(Struct, frozen=True):
    """How a table is declared to be written. Without a delimiter the header decides among ``,``, ``;`` and tab."""

    delimiter: str = ""
    decimal: str = "."
    encoding: str = "utf-8"


#: A comma between cells, a point in numbers: what we write unless told otherwise.
COMMA = CsvShape(",")


class Context(Struct, frozen=True):
    """What a reader has to be told about us, since documents name us in their own ways.

    Keys of ``entities_by_tax_id`` are VAT numbers, legal registrations or network addresses (endpoint ids) of our legal
    entities (an EDI id or a GLN, too); keys of ``entities_by_iban`` our bank accounts. ``currencies`` are those of our
    entities, for documents that do not name one. Keys of ``suppliers_by_id`` are names that partners go by in EDI (an
    interchange id, GLN, DUNS or vendor number), values their tax registrations. Spelling (blanks, dots, case) does not
    matter.
    """

    entities_by_tax_id: Mapping[str, str] = field(default_factory=dict)
    entities_by_iban: Mapping[str, str] = field(default_factory=dict)
    currencies: Mapping[str, str] = field(default_factory=dict)
    suppliers_by_id: Mapping[str, str] = field(default_factory=dict)
    csv: CsvShape = CsvShape()
    limits: Limits = Limits()


class Claim(Struct, frozen=True):
    """One thing the document says about itself, beside what we computed from its parts."""

    name: str
    where: str
    declared: str
    computed: str
    holds: bool


class Proof(Struct, frozen=True):
    """Whether the document may be acted on: everything in it was read, and every sum it declares is its own sum.

    ``set_aside``: parts that the standard lets us refuse by themselves (a transaction set of an interchange). They gave
    no records; the rest of the document stands. ``more``: so many further claims hold.
    """

    claims: tuple[Claim, ...] = ()
    complete: bool = True
    set_aside: int = 0
    more: int = 0

    @property
    def holds(self) -> bool:
        """True when nothing was lost on reading and all claims hold."""
        return self.complete and all(claim.holds for claim in self.claims)


class Reading(Struct, Generic[R], frozen=True):
    """The result of reading one document. Deliver ``records`` only if ``proof.holds``, or knowing what is missing."""

    format: str
    records: tuple[R, ...] = ()
    diagnostics: tuple[Problem, ...] = ()
    proof: Proof = Proof()


def quoted(text: str) -> str:
    """A wrong value as far as it is worth showing, without line breaks."""
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTED_MAX else f"{flat[:QUOTED_MAX]}… ({len(flat)} characters)"


class Findings:
    """Collects what a reader has to say while it reads one document."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._claims: list[Claim] = []
        self._assumed: dict[tuple[str, str], tuple[str, int]] = {}
        self._faults: list[Problem] = []
        self._left_out = 0
        self._more = 0
        self.complete = True
        self.set_aside = 0

    def note(
        self, code: Code, where: str, *, expected: str = "", actual: str = "", limit: str = "", detail: str = ""
    ) -> None:
        """Something worth knowing. Nothing is lost by it."""
        self._add(Problem(code, where, expected, quoted(actual), limit, detail))

    def fault(
        self, code: Code, where: str, *, expected: str = "", actual: str = "", limit: str = "", detail: str = ""
    ) -> None:
        """Something that could not be read or must not be acted on: the reading is incomplete."""
        self.complete = False
        self._against(Problem(code, where, expected, quoted(actual), limit, detail))

    def put_aside(self, problems: "Findings") -> None:
        """A part that is refused by itself: its problems are told, and the rest of the document stands."""
        self.set_aside += 1
        for problem in problems.diagnostics():
            self._add(problem)

    def refuse(self, problem: Problem) -> None:
        """A finished problem, such as one of the XML core; the reading is incomplete."""
        self.complete = False
        self._against(problem)

    def adopt(self, part: "Findings") -> None:
        """Take over what was found in a part of the document."""
        self.complete = self.complete and part.complete
        self.set_aside += part.set_aside
        for claim in part._claims:
            self._keep(claim)
        for problem in part.diagnostics():
            self._add(problem)
        self._faults = [*self._faults, *part._faults][:DIAGNOSTICS_MAX]

    def _against(self, problem: Problem) -> None:
        """A problem that keeps the document from being acted on."""
        self._add(problem)
        if len(self._faults) < DIAGNOSTICS_MAX:
            self._faults.append(problem)

    def faults(self) -> tuple[Problem, ...]:
        """Of all there is to say, what keeps the document from being acted on."""
        return tuple(self._faults)

    def _add(self, problem: Problem) -> None:
        if len(self._problems) < DIAGNOSTICS_MAX:
            self._problems.append(problem)
        else:
            self._left_out += 1

    def assume(self, what: str, value: str, where: str) -> None:
        """A missing value was filled in. Told once per kind of assumption, with the first place and the number."""
        first, count = self._assumed.get((what, value), (where, 0))
        self._assumed[what, value] = (first, count + 1)

    def claim(self, name: str, where: str, declared: str, computed: str, holds: bool) -> None:
        """Compare what the document declares with what we computed; a difference is also a problem."""
        self._keep(Claim(name, where, declared, computed, holds))
        if not holds:
            self._against(Problem(Code.TOTALS_DISAGREE, where, computed, quoted(declared), detail=name))

    def _keep(self, claim: Claim) -> None:
        if claim.holds and len(self._claims) >= CLAIMS_MAX:
            self._more += 1
        else:
            self._claims.append(claim)

    @property
    def proof(self) -> Proof:
        """What has been proved so far; final once the reader has ended."""
        return Proof(tuple(self._claims), self.complete, self.set_aside, self._more)

    def diagnostics(self) -> tuple[Problem, ...]:
        """Everything there is to say, in the order it was found."""
        said = list(self._problems)
        for (what, value), (where, count) in self._assumed.items():
            times = "" if count == 1 else f" ({count} times, first here)"
            said.append(Problem(Code.ASSUMED_VALUE, where, detail=f"{what} is missing{times}; taken as {value}"))
        if self._left_out:
            said.append(Problem(Code.TOO_LARGE, detail=f"{self._left_out} more problems are not listed"))
        return tuple(said)


#: A reader: it yields records as it reads, and tells the findings the rest. It never raises on data.
Reader = Callable[[Source, Context, Findings], Iterator[Any]]


def gather(reader: Reader, source: Source | bytes, context: Context | None = None, name: str = "") -> Reading[Any]:
    """Read a whole document, with all its records in memory; one over the budget of bytes is not looked at."""
    source, context = Bytes(source) if isinstance(source, bytes) else source, context or Context()
    if problem := over_budget(source, context.limits):
        return refused(name, problem)
    findings = Findings()
    records = tuple(reader(source, context, findings))
    return Reading(name, records, findings.diagnostics(), findings.proof)


def over_budget(source: Source, limits: Limits) -> Problem | None:
    """What there is to say about a document that is too large to be looked at."""
    if source.size <= limits.bytes_max:
        return None
    return Problem(Code.TOO_LARGE, actual=f"{source.size} bytes", limit=f"{limits.bytes_max} bytes")


def refused(format_name: str, problem: Problem) -> Reading[Any]:
    """A document that could not be read at all."""
    return Reading(format_name, (), (problem,), Proof(complete=False))


_SPOT = re.compile(r"\b(line|byte|row) ([0-9]+)\b")


def spot(where: str) -> tuple[Literal["line", "byte", "row"], int] | None:
    """The place that a ``where`` names: its kind and number, or nothing when it names none."""
    found = _SPOT.search(where)
    return (found[1], int(found[2])) if found else None  # type: ignore[return-value]
