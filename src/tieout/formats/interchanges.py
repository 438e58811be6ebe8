"""What X12 and EDIFACT share when an interchange is read: whose names stand in it, and why one message is refused."""

from collections.abc import Mapping

from msgspec import Struct

from tieout.formats.reading import Context, Findings, quoted
from tieout.kernel.problem import Code, Problem
from tieout.model.identity import normal_tax_id

#: So many reasons are told of a message that is refused.
REASONS_MAX = 20


class Reasons(Findings):
    """What there is to say about one message; ``reasons`` are those of it that refuse it, each told once."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[Problem] = []

    def fault(
        self, code: Code, where: str, *, expected: str = "", actual: str = "", limit: str = "", detail: str = ""
    ) -> None:
        """Something that refuses the message."""
        if any((problem.code, problem.where) == (code, where) for problem in self.reasons):
            return
        super().fault(code, where, expected=expected, actual=actual, limit=limit, detail=detail)
        self._refuse(Problem(code, where, expected, quoted(actual), limit, detail))

    def claim(self, name: str, where: str, declared: str, computed: str, holds: bool) -> None:
        """A sum that the message declares; one that does not hold refuses it."""
        super().claim(name, where, declared, computed, holds)
        if not holds:
            self._refuse(Problem(Code.TOTALS_DISAGREE, where, computed, quoted(declared), detail=name))

    def _refuse(self, problem: Problem) -> None:
        if len(self.reasons) < REASONS_MAX:
            self.reasons.append(problem)


class Names(Struct, frozen=True):
    """By what names we and our suppliers go (see :class:`~tieout.formats.reading.Context`), spelled for comparison."""

    entities: dict[str, str]
    suppliers: dict[str, str]
    currencies: Mapping[str, str]

    @classmethod
    def of(cls, context: Context) -> "Names":
        """Those of the context, once for the whole file."""
        return cls(
            {normal_tax_id(name): entity for name, entity in context.entities_by_tax_id.items()},
            {normal_tax_id(name): tax_id for name, tax_id in context.suppliers_by_id.items()},
            context.currencies,
        )
