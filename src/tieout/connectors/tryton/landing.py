"""How documents land in the ERP exactly once, whatever gets lost on the way.

Every document carries our id in a field of the ERP. Writing is: look for it; create what is missing; press the
buttons that are left; read back. Each step may be the one whose answer is lost, and the same steps, taken again,
go on from where the document stands::

    nothing there → create → half done (a draft) → press → finished → read back
          ▲                        │                          │
          └── a probe says Absent ─┴── and Applied here ──────┘

Documents go many in one call (the ERP commits a call whole or not at all). When it refuses a batch, the batch is
halved until the bad one stands alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Generic, NamedTuple, TypeVar

from tieout.connectors.tryton.client import (
    AnswerLostError,
    RefusalError,
    TrytonClient,
    UnansweredWarningError,
    Values,
)
from tieout.connectors.tryton.config import TrytonConfig
from tieout.connectors.tryton.directory import Company, Directory, UnfitError
from tieout.connectors.tryton.translate import record_reference
from tieout.kernel.errors import TransientError
from tieout.kernel.problem import Code, Problem
from tieout.model.effects import Payload
from tieout.ports import Absent, Applied, Effect, Finding, Refused, Result, Retry, Unknown

P = TypeVar("P", bound=Payload)


class Landed(NamedTuple):
    """An effect, the record in the ERP that carries its document, and the state that is in."""

    effect: Effect
    record_id: int
    state: str


class _Held(NamedTuple):
    """What the ERP holds, by effect id: finished, begun, cancelled by a person; and drafts that are too many."""

    finished: dict[str, Values]
    begun: dict[str, Landed]
    cancelled: dict[str, str]
    spare: list[int]


class Desk:
    """What everybody who writes into one database needs."""

    def __init__(self, client: TrytonClient, config: TrytonConfig) -> None:
        self.client = client
        self.config = config
        self.directory = Directory(client, config)


def refused(error: RefusalError | UnfitError, code: Code) -> Refused:
    """What the ERP said, as a problem."""
    if isinstance(error, UnfitError):
        return Refused(problems=error.problems)
    if isinstance(error, UnansweredWarningError) and error.kind == "invoice_similar":
        code = Code.DUPLICATE_INVOICE
    return Refused(problems=(Problem(code, detail=str(error)),))


@contextmanager
def reading_back() -> Iterator[None]:
    """The write is done; if it cannot be read back now, its outcome is not known (and surely not "again")."""
    try:
        yield
    except TransientError as error:
        raise AnswerLostError(f"written, but not read back: {error}") from error


class Documents(ABC, Generic[P]):
    """One kind of document that the ERP holds under our id. Subclasses say what is special about it."""

    #: The model in Tryton and the field that carries our id.
    model: str
    key_field: str
    #: What is read to know how far a document has come, and for the evidence.
    fields: tuple[str, ...]
    #: How a refusal is called.
    code = Code.EFFECT_REFUSED

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.client = desk.client
        self.directory = desk.directory
        self.allow = desk.config.allowed_warnings

    def refusal_code(self, company: Company, payload: P) -> Code:
        """How a refusal of this document is called."""
        return self.code

    # ── what a kind of document says about itself ───────────────────────────────────────────────────────────────

    @abstractmethod
    def key_of(self, payload: P) -> str:
        """Our id of the document."""

    @abstractmethod
    def entity_of(self, payload: P) -> str:
        """The legal entity it belongs to."""

    @abstractmethod
    def values_of(self, payload: P, company: Company, attempt: int) -> Values:
        """What is created. Raises ``UnfitError`` for what this ERP cannot hold, ``TransientError`` for "not yet"."""

    @abstractmethod
    def is_finished(self, row: Values) -> bool:
        """Whether it stands in the books."""

    @abstractmethod
    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        """Press the buttons that are left, wherever each document stands."""

    @abstractmethod
    def applied(self, company: Company, payload: P, row: Values) -> Applied:
        """The evidence."""

    @abstractmethod
    def discard(self, company: Company, record_id: int) -> None:
        """Take an unfinished document away again, whatever state it is in."""

    def domain(self, company: Company) -> list[object]:
        """Where to look for documents of this kind."""
        return [("company", "=", company.record_id)]

    def learn(self, company: Company, payloads: Sequence[P]) -> None:
        """Look up in one go what the values of many documents need."""

    def verify(self, company: Company, landed: Sequence[Landed]) -> dict[str, tuple[Problem, ...]]:
        """What is wrong with drafts, by effect, before anything is posted."""
        return {}

    def settle_up(self, company: Company, landed: Sequence[Landed]) -> None:
        """What remains to be tidied once they are finished."""

    def rounds(self, effects: Sequence[Effect]) -> list[list[Effect]]:
        """Effects that may go together. Those that get in each other's way go one round after the other."""
        return [list(effects)]

    # ── the four verbs ──────────────────────────────────────────────────────────────────────────────────────────

    def apply(self, effects: Sequence[Effect]) -> dict[str, Result]:
        """Make the ERP hold them; the result of each by effect id."""
        results: dict[str, Result] = {}
        by_entity: dict[str, list[Effect]] = {}
        for effect in effects:
            by_entity.setdefault(self.entity_of(self._payload(effect)), []).append(effect)
        try:
            companies = {entity: self.directory.company(entity) for entity in by_entity}
        except TransientError as error:
            return _all(effects, Retry(reason=str(error)))
        for entity, group in by_entity.items():
            for batch in self.rounds(group):
                self._apply_batch(companies[entity], batch, results)
        return results

    def probe(self, effect: Effect) -> Finding:
        """Whether it stands in the books. A draft does not; writing it again goes on from there."""
        payload = self._payload(effect)
        company = self.directory.company(self.entity_of(payload))
        held = self._look(company, [effect])
        if effect.effect_id in held.finished:
            return self.applied(company, payload, held.finished[effect.effect_id])
        return Absent()

    # ── landing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _apply_batch(self, company: Company, effects: Sequence[Effect], results: dict[str, Result]) -> None:
        try:
            held = self._look(company, effects)
            self.learn(company, [self._payload(effect) for effect in effects])
        except TransientError as error:
            results |= _all(effects, Retry(reason=str(error)))
            return
        self._clear_away(company, held.spare)
        new: list[tuple[Effect, Values]] = []
        landed: list[Landed] = []
        for effect in effects:
            name = effect.effect_id
            if name in held.finished:
                results[name] = self.applied(company, self._payload(effect), held.finished[name])
            elif name in held.begun:
                landed.append(held.begun[name])
            elif name in held.cancelled:
                problem = Problem(self.code, detail=f"{held.cancelled[name]} was cancelled in the ERP")
                results[name] = Refused(problems=(problem,))
            else:
                new += self._prepared(company, effect, results)
        landed += self._create(company, new, results)
        self._finish(company, landed, results)

    def _look(self, company: Company, effects: Sequence[Effect]) -> "_Held":
        """What the ERP holds of these."""
        by_key = {self.key_of(self._payload(effect)): effect for effect in effects}
        domain = [*self.domain(company), (self.key_field, "in", sorted(by_key))]
        rows = self.client.search_read(
            self.model, domain, [*self.fields, self.key_field], order=[("id", "ASC")], context=company.context
        )
        held = _Held({}, {}, {}, [])
        for row in rows:
            effect = by_key[row[self.key_field]]
            name = effect.effect_id
            if row["state"] == "cancelled":
                held.cancelled[name] = record_reference(self.model, row["id"])
            elif self.is_finished(row):
                held.finished.setdefault(name, row)
            elif name in held.begun:
                held.spare.append(row["id"])
            else:
                held.begun[name] = Landed(effect, row["id"], row["state"])
        held.spare.extend(held.begun[name].record_id for name in held.begun.keys() & held.finished.keys())
        return held

    def _clear_away(self, company: Company, spare: Sequence[int]) -> None:
        """Drafts of a document that has another one: left by a call that was thought lost and came late."""
        for record_id in spare:
            with suppress(RefusalError, AnswerLostError, TransientError):
                self.discard(company, record_id)

    def _prepared(self, company: Company, effect: Effect, results: dict[str, Result]) -> list[tuple[Effect, Values]]:
        try:
            return [(effect, self.values_of(self._payload(effect), company, effect.attempt))]
        except (UnfitError, RefusalError) as error:
            results[effect.effect_id] = refused(error, self.code)
        except TransientError as error:
            results[effect.effect_id] = Retry(reason=str(error))
        return []

    def _create(
        self, company: Company, new: Sequence[tuple[Effect, Values]], results: dict[str, Result]
    ) -> list[Landed]:
        if not new:
            return []
        effects = [effect for effect, _ in new]
        try:
            ids = self.client.create(
                self.model, [values for _, values in new], context=company.context, allow=self.allow
            )
        except RefusalError as error:
            if len(new) == 1:
                results[effects[0].effect_id] = refused(error, self.code)
                return []
            middle = len(new) // 2
            return self._create(company, new[:middle], results) + self._create(company, new[middle:], results)
        except AnswerLostError as error:
            results |= _all(effects, Unknown(reason=str(error)))
        except TransientError as error:
            results |= _all(effects, Retry(reason=str(error)))
        else:
            return [Landed(effect, record_id, "draft") for effect, record_id in zip(effects, ids, strict=True)]
        return []

    def _finish(self, company: Company, landed: Sequence[Landed], results: dict[str, Result]) -> None:
        if not landed:
            return
        try:
            landed = self._without_wrong_ones(company, landed, results)
            self.finish(company, landed)
            with reading_back():
                self.settle_up(company, landed)
                results |= self._read_back(company, landed)
        except (RefusalError, UnfitError) as error:
            if len(landed) == 1:
                results[landed[0].effect.effect_id] = self._after_refusal(company, landed[0], error)
            else:
                self._finish_halves(company, landed, results)
        except AnswerLostError as error:
            results |= _all([one.effect for one in landed], Unknown(reason=str(error)))
        except TransientError as error:
            results |= _all([one.effect for one in landed], Retry(reason=str(error)))

    def _without_wrong_ones(
        self, company: Company, landed: Sequence[Landed], results: dict[str, Result]
    ) -> Sequence[Landed]:
        """Those whose drafts are as they should be; the others are taken away again."""
        wrong = self.verify(company, landed)
        for one in landed:
            name = one.effect.effect_id
            if name in wrong:
                results[name] = self._taken_away(company, one, Refused(problems=wrong[name]))
        return [one for one in landed if one.effect.effect_id not in wrong]

    def _read_back(self, company: Company, landed: Sequence[Landed]) -> dict[str, Result]:
        """The evidence, from the records themselves."""
        rows = self.client.read(self.model, ids_of(landed), self.fields, context=company.context)
        results: dict[str, Result] = {}
        for (effect, _, _), row in zip(landed, rows, strict=True):
            if self.is_finished(row):
                results[effect.effect_id] = self.applied(company, self._payload(effect), row)
            else:
                results[effect.effect_id] = Unknown(reason=f"the ERP said nothing, but it is {row['state']!r}")
        return results

    def _finish_halves(self, company: Company, landed: Sequence[Landed], results: dict[str, Result]) -> None:
        """One of them was refused, and the buttons before that one have been pressed for all. Start from there."""
        try:
            rows = self.client.read(self.model, ids_of(landed), ["state"], context=company.context)
        except TransientError as error:
            results |= _all([one.effect for one in landed], Unknown(reason=str(error)))
            return
        now = [one._replace(state=row["state"]) for one, row in zip(landed, rows, strict=True)]
        middle = len(now) // 2
        self._finish(company, now[:middle], results)
        self._finish(company, now[middle:], results)

    def _after_refusal(self, company: Company, landed: Landed, error: RefusalError | UnfitError) -> Result:
        """A refusal may mean "already done" (by a call whose answer was lost). Look before believing it."""
        effect = landed.effect
        try:
            held = self._look(company, [effect])
            code = self.refusal_code(company, self._payload(effect))
        except TransientError as away:
            return Unknown(reason=f"{error}; and then: {away}")
        if effect.effect_id in held.finished:
            return self.applied(company, self._payload(effect), held.finished[effect.effect_id])
        return self._taken_away(company, landed, refused(error, code))

    def _taken_away(self, company: Company, landed: Landed, answer: Refused) -> Result:
        """A refusal is only told once the ERP holds nothing of it any more."""
        try:
            self.discard(company, landed.record_id)
        except (RefusalError, AnswerLostError, TransientError) as error:
            words = "; ".join(str(problem) for problem in answer.problems)
            return Unknown(
                reason=f"refused ({words}), and its draft {landed.record_id} could not be taken away: {error}"
            )
        return answer

    def _payload(self, effect: Effect) -> P:
        return effect.payload  # type: ignore[return-value]  # the engine sends an operation's own payload


def ids_of(landed: Sequence[Landed], *states: str) -> list[int]:
    """The records, or those of them that are in one of these states."""
    return [one.record_id for one in landed if not states or one.state in states]


def _all(effects: Sequence[Effect], result: Result) -> dict[str, Result]:
    return {effect.effect_id: result for effect in effects}
