"""What every reader returns: the records, what there is to say about them, and a proof that nothing is missing."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from msgspec import Struct, field

from tieout.kernel.problem import Code, Problem

#: A hostile file must not become a flood of diagnostics: beyond this many only their number is kept.
DIAGNOSTICS_MAX = 200
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
    entities; keys of ``entities_by_iban`` our bank accounts. Spelling (blanks, dots, case) does not matter.
    """

    entities_by_tax_id: Mapping[str, str] = field(default_factory=dict)
    entities_by_iban: Mapping[str, str] = field(default_factory=dict)
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
    """Whether the document may be acted on: everything in it was read, and every sum it declares is its own sum."""

    claims: tuple[Claim, ...] = ()
    complete: bool = True

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
        self._left_out = 0
        self.complete = True

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
        self.note(code, where, expected=expected, actual=actual, limit=limit, detail=detail)

    def refuse(self, problem: Problem) -> None:
        """A finished problem, such as one of the XML core; the reading is incomplete."""
        self.complete = False
        self._problems.append(problem)

    def adopt(self, part: "Findings") -> None:
        """Take over what was found in a part of the document."""
        self.complete = self.complete and part.complete
        for problem in part._diagnostics():
            self._add(problem)

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
        self._claims.append(Claim(name, where, declared, computed, holds))
        if not holds:
            self.note(Code.TOTALS_DISAGREE, where, expected=computed, actual=declared, detail=name)

    def reading(self, format_name: str, *records: R) -> Reading[R]:
        """The result, once everything has been said."""
        return Reading(format_name, records, tuple(self._diagnostics()), Proof(tuple(self._claims), self.complete))

    def _diagnostics(self) -> list[Problem]:
        said = list(self._problems)
        for (what, value), (where, count) in self._assumed.items():
            times = "" if count == 1 else f" ({count} times, first here)"
            said.append(Problem(Code.ASSUMED_VALUE, where, detail=f"{what} is missing{times}; taken as {value}"))
        if self._left_out:
            said.append(Problem(Code.TOO_LARGE, detail=f"{self._left_out} more problems are not listed"))
        return said


def refused(format_name: str, problem: Problem) -> Reading[R]:
    """A document that could not be read at all."""
    return Reading(format_name, (), (problem,), Proof(complete=False))
