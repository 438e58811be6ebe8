"""Systems that are called over HTTP: each posting and each status event is one call, on kept connections."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from tieout.kernel.money import Money
from tieout.model.documents import Posting, Total
from tieout.model.effects import PostInvoice, ReportPosting, SubmitInvoice
from tieout.model.events import Message
from tieout.model.facts import ApprovalDecided, supplier_home
from tieout.ports import Applied, Effect, Finding, Manifest, Operation, Page, Result, Scope, Unknown
from tieout_bench.peers.calls import POSTINGS, STATUSES, Stub

_THREADS = 4
_BATCH = 500


class OverHttp:
    """A target behind the stub. What the comparison does not count (suppliers, orders) is applied at once."""

    def __init__(self, system: str, operations: Sequence[str], stub: Stub) -> None:
        self.manifest = Manifest(
            system=system,
            title=system,
            operations=tuple(Operation(name=name, native_key=True, batch_size=_BATCH) for name in operations),
        )
        self.stub = stub
        self._threads = ThreadPoolExecutor(_THREADS, f"call-{system}")

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        return list(self._threads.map(self._apply_one, effects))

    def _apply_one(self, effect: Effect) -> Result:
        try:
            return self.tell(effect)
        except OSError as error:
            return Unknown(reason=str(error))

    def tell(self, effect: Effect) -> Applied:
        """Make the call for one effect."""
        return Applied(reference="")

    def probe(self, effect: Effect) -> Finding:
        return Unknown(reason="never asked")

    def pull(self, cursor: str) -> Page:
        return Page(messages=(), cursor=cursor)

    def totals(self, scope: Scope) -> Total:
        return Total(count=0, sum_minor=0, currency=scope.currency)


class Erp(OverHttp):
    """The ERP: one call for each invoice."""

    def __init__(self, stub: Stub) -> None:
        super().__init__("erp", ("upsert_supplier", "create_order", "record_receipt", "post_invoice"), stub)

    def tell(self, effect: Effect) -> Applied:
        if not isinstance(effect.payload, PostInvoice):
            return Applied(reference="")
        asked = effect.payload
        gross = asked.invoice.gross
        number = self.stub.post(POSTINGS, effect.key, msgspec.json.encode(asked.invoice))["document"]
        posting = Posting(
            number=number,
            posted_on=asked.post_on,
            period=f"{asked.post_on:%Y-%m}",
            gross=Money(gross.minor, gross.currency),
        )
        return Applied(reference=number, posting=posting)


class Approver(OverHttp):
    """The AP platform: approves whatever it is handed, and receives one status event for each posted invoice."""

    def __init__(self, stub: Stub, offer: Callable[[Sequence[Message]], object]) -> None:
        super().__init__("ap", ("submit_invoice", "report_posting", "report_payment", "upsert_supplier"), stub)
        self._offer = offer

    def apply(self, effects: Sequence[Effect]) -> Sequence[Result]:
        if not isinstance(effects[0].payload, SubmitInvoice):
            return super().apply(effects)
        self._offer(
            [_approval(effect, effect.payload) for effect in effects if isinstance(effect.payload, SubmitInvoice)]
        )
        return [Applied(reference="") for _ in effects]

    def tell(self, effect: Effect) -> Applied:
        if isinstance(effect.payload, ReportPosting):
            self.stub.post(STATUSES, effect.key, msgspec.json.encode(effect.payload))
        return Applied(reference="")


def _approval(effect: Effect, asked: SubmitInvoice) -> Message:
    return Message(
        source="ap",
        key=f"approval/{effect.key}",
        data=ApprovalDecided(approved=True, approver="person:approver"),
        home=supplier_home(asked.invoice.supplier_id),
        subject=effect.subject,
        entity=effect.entity,
        correlation=effect.correlation,
        actor="system:ap",
    )
