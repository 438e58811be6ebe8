"""Systems that answer at once, so that the engine is measured, not they. They count; the AP platform approves."""

from collections import Counter
from collections.abc import Callable, Sequence

from tieout.kernel.money import Money
from tieout.model.documents import Posting, Total
from tieout.model.effects import PostInvoice
from tieout.model.events import Message, Ref
from tieout.model.facts import ApprovalDecided
from tieout.ports import Applied, Effect, Finding, Manifest, Operation, Page, Result, Scope, Unknown


class Instant:
    """A system that applies everything in the moment it is asked. It counts how often it was asked for each write, and
    how many documents of each kind it holds."""

    def __init__(self, system: str, operations: Sequence[str], batch_size: int = 1000) -> None:
        self.manifest = Manifest(
            system=system,
            title=system,
            operations=tuple(
                Operation(name=name, native_key=True, batch_size=batch_size, lane="target") for name in operations
            ),
        )
        self.applied: Counter[str] = Counter()
        self.documents: Counter[str] = Counter()
        self.on_apply: Callable[[str], object] = lambda key: None

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        for effect in effects:
            self.note(effect.operation, effect.key)
            self.on_apply(effect.key)
        return [Applied(reference=f"R{effect.key}", posting=_posting(effect)) for effect in effects]

    def note(self, operation: str, key: str) -> None:
        """Count a write."""
        self.applied[name := f"{operation}/{key}"] += 1
        self.documents[operation] += self.applied[name] == 1

    def probe(self, effect: Effect) -> Finding:
        return Unknown(reason="never asked")

    def pull(self, cursor: str) -> Page:
        return Page(messages=(), cursor=cursor)

    def totals(self, scope: Scope) -> Total:
        return Total(count=0, sum_minor=0, currency=scope.currency)


class InstantApprover(Instant):
    """The AP platform: whatever is submitted is approved, by a message that names it by the platform's own id."""

    def __init__(self, offer: Callable[[Sequence[Message]], object]) -> None:
        super().__init__("ap", ("submit_invoice", "report_posting", "report_payment", "upsert_supplier"))
        self._offer = offer

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        decisions = [
            Message(
                source="ap",
                key=f"approval/{effect.key}",
                data=ApprovalDecided(approved=True, approver="person:approver"),
                ref=Ref("ap", f"R{effect.key}"),
                actor="system:ap",
            )
            for effect in effects
            if effect.operation == "submit_invoice"
        ]
        results = super().apply(effects)
        if decisions:
            self._offer(decisions)
        return results


def _posting(effect: Effect) -> Posting | None:
    if not isinstance(effect.payload, PostInvoice):
        return None
    document = effect.payload.invoice
    return Posting(
        number=f"B{document.number}",
        posted_on=effect.payload.post_on,
        period=f"{effect.payload.post_on:%Y-%m}",
        gross=Money(document.gross.minor, document.gross.currency),
    )


ERP_OPERATIONS = ("upsert_supplier", "create_order", "record_receipt", "post_invoice")
