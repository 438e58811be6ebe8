"""Comparing an invoice with all others when somebody asks, outside its own life: nothing is decided or kept."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from tieout.engine.documents import context_of
from tieout.engine.fingerprints import Fingerprints
from tieout.engine.stores.port import Store, Unit
from tieout.formats.containers import BUNDLES, kind_of
from tieout.formats.detect import find
from tieout.formats.format import Head
from tieout.formats.reading import Findings
from tieout.formats.source import Source
from tieout.kernel.errors import PermanentError
from tieout.kernel.problem import Problem
from tieout.matching.duplicates import Candidate, Fingerprint, Lookalike, compare, fingerprint_of
from tieout.model.documents import Invoice
from tieout.policy.policy import Policy
from tieout.processes import invoice, lookalike, supplier

_STATES: dict[str, type[Struct]] = {
    one.name: one.state for one in (invoice.PROCESS, lookalike.PROCESS, supplier.PROCESS)
}


class Comparison(Struct, frozen=True, kw_only=True):
    """An invoice, with how many it was compared, and those that may be the same claim, the best first."""

    number: str
    supplier: str
    gross: str
    issued_on: date
    compared: int
    candidates: tuple[Candidate, ...]


def compare_known(store: Store, policy: Policy, invoice_id: str, today: date) -> Comparison | None:
    """An invoice that came in, compared with all that there are now; ``None`` when there is no such invoice. What a
    person has told apart from it is compared, too."""
    with store.unit() as unit:
        states = _States(unit)
        state = states.state("invoice", invoice_id)
        if state is None:
            return None
        kept = invoice.prints(invoice_id, None, state)
        assert kept is not None
        mine = msgspec.structs.replace(kept, apart=())
        return _compare(unit, states, policy, mine, state.invoice, today)


def compare_file(store: Store, policy: Policy, source: Source, today: date) -> Iterator[Comparison]:
    """The invoices in a document that has not come in, each compared with all that there are. Raises
    ``PermanentError`` when it is no kind of document that can be read by itself."""
    context = context_of(policy)
    if kind_of(Head.of(source)) in BUNDLES:
        raise PermanentError("this is an archive; take it apart and compare the documents in it")
    found = find(source, "", context)
    if isinstance(found, Problem):
        raise PermanentError(f"this is no kind of document that can be read: {found}")
    for record in found.reader(source, context, Findings()):
        if isinstance(record, Invoice):
            with store.unit() as unit:
                states = _States(unit)
                account, parent = invoice.payee_of(record, states)
                mine = fingerprint_of("", record, 0, account=account, parent=parent)
                yield _compare(unit, states, policy, mine, record, today)


def _compare(
    unit: Unit, states: "_States", policy: Policy, mine: Fingerprint, document: Invoice, today: date
) -> Comparison:
    known = [one for one in Fingerprints(unit, policy.duplicates).similar(mine) if one.invoice_id != mine.invoice_id]
    others = [msgspec.structs.replace(one, apart=()) for one in known]
    taught: tuple[Lookalike, ...] = ()
    if state := states.state("lookalike", lookalike.subject_of(mine)):
        taught = state.patterns
    return Comparison(
        number=document.number,
        supplier=document.supplier_name,
        gross=str(document.gross),
        issued_on=document.issued_on,
        compared=len(others),
        candidates=compare(mine, others, policy.duplicates, taught, today),
    )


class _States:
    """States as they stand in the store."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def state(self, process: str, subject: str) -> Any:
        data = self._unit.states([(process, subject)]).get((process, subject))
        return None if data is None else msgspec.json.decode(data, type=_STATES[process])
