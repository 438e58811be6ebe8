"""Reach marks: the hard places that a simulation must have been in. A test asks that 200 seeds reach every one of them,
so a simulator that quietly stops looking fails."""

from collections import Counter

MARKS: dict[str, str] = {
    # the unit of work
    "restarted after a crash": "A worker died and a new one took over where the database stood.",
    "crash inside a unit of work": "A transaction was rolled back in the middle; nothing of it remained.",
    "crash after a commit": "A worker died before it learned that its transaction was durable.",
    "stale worker fenced": "A worker with an old cache collided with the log's key and rolled back.",
    "poison quarantined": "A message that breaks our own code was set aside, with a case.",
    "poison requeued and handled": "The same message went through once the code was mended.",
    "subject waited behind poison": "Another message of the same subject waited; others did not.",
    "link waited for": "A message named a document by an id nobody knew yet, and was handled once it was known.",
    "looked before another committed": "A worker compared invoices with what stood before another's unit was durable.",
    # intake
    "repeated message ignored": "The same key with the same body was answered and not taken twice.",
    "key reused for another body refused": "The same key with another body was refused.",
    # delivery
    "answer lost, probe found it": "A write had landed although its answer was lost, and it was not written again.",
    "answer lost, proved absent, sent again": "A write had not landed; that was proved before it was repeated.",
    "repeated under the same key": "A write was repeated to a target that recognises its key or number.",
    "landed late, within its window": "A write landed after its answer was lost, and the probe waited for that.",
    "lapsed lease found out": "A worker died while sending; its effect became unknown and was found out about.",
    "late answer of a stale sender dropped": "A stalled worker's answer came after another had settled the effect.",
    "refused by the target": "A target said no for a reason of the business.",
    "refusal mended and redelivered": "A person had a refused write sent again under its key.",
    "retried after a certain failure": "A target that was not there was tried again later.",
    "breaker opened": "After a row of failures a lane rested.",
    "hard stop held a payment file": "A payment file waited because supplier details could not be propagated.",
    "hard stop let it go": "It went when they could.",
    "parked behind another effect": "An effect waited for the one before it.",
    # business
    "duplicate invoice stopped": "The same number came by another channel.",
    "suspected duplicate stopped": "An invoice of one supplier looked like one of another; a person was asked.",
    "suspected duplicate cleared": "A person told two invoices apart, and the one that waited went on.",
    "last look stopped one": "Two alike passed the first look at one moment; the second look stopped one.",
    "settled on receipt": "Goods came and we billed ourselves for them in the name of the supplier.",
    "posted on hold, then released": "An invoice was in the ERP on hold; goods or a person released it to be paid.",
    "hold predicted": "The ERP placed the hold that matching had said it would.",
    "policy released in between": "Invoices were handled under two releases of the policy in one month.",
    "case escalated": "Nobody worked a case in its time; it went to the next level.",
    "duplicate approval ignored": "An approval was told twice under different keys.",
    "receipt mended a mismatch": "Goods came late; the invoice was matched again.",
    "variance accepted by a person": "A person accepted what matching found.",
    "unknown supplier onboarded": "An invoice waited for its supplier to become active.",
    "bank change stopped a payment": "A bank change in mid-run withheld exactly that supplier's payment.",
    "own release refused": "The proposer of a run could not release it.",
    "payment rejected by the bank": "A rejection reopened the liability.",
    "return reopened a liability": "A booked payment came back.",
    "paid again after a return": "A returned invoice was paid by another payment.",
    "statement out of order": "A statement waited for the one before it.",
    "unmatched entry settled": "A person explained an entry that was none of our payments.",
    "posting differs": "The ERP held something else than it was sent.",
    "invoice closed": "An invoice reached the end of its life.",
    "period turned ready": "Nothing blocked the period any more.",
    # time
    "clock jumped back": "The clock went backwards and nothing broke.",
    "clock jumped ahead": "The clock went ahead by hours: every lease lapsed at once.",
}
"""Every mark, and what it means to have reached it."""


class Marks:
    """Which marks were reached, and how often."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        """Note that a hard place was reached."""
        assert name in MARKS, f"{name!r} is not a reach mark"
        self.counts[name] += 1
