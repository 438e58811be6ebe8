"""May the order line be billed at all?"""

from collections.abc import Iterator

from tieout.kernel.problem import Code, Problem
from tieout.matching.claims import Claim
from tieout.matching.plan import Plan


def line_is_open(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """Nothing more is billed on a closed line; giving back is always possible. Reopening it takes authority."""
    if claim.position.closed and claim.minor > 0:
        passes = "the order line is reopened"
        yield Problem(Code.LINE_CLOSED, claim.where, "an open order line", "closed", detail=claim.about, passes=passes)


def not_settled_on_receipt(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """What we have settled ourselves on receipt is not billed by the supplier again, nor credited: we credit what goes
    back (SAP Help, evaluated receipt settlement: a supplier's invoice for such an order is a duplicate)."""
    position = claim.position
    if not position.settled_on_receipt or not claim.minor or claim.invoice.purpose == "self_billed":
        return
    if position.billed > 0 or position.billed_minor > 0:
        settled = f"{position.billed:f} {position.unit} settled by us"
        detail = f"{claim.about}: settled on receipt, so this is probably the same claim"
        passes = "it is a claim of its own and a person says so"
        expected = "no invoice" if claim.minor > 0 else "no credit note"
        yield Problem(Code.SETTLED_ON_RECEIPT, claim.where, expected, settled, detail=detail, passes=passes)


def not_in_consignment(claim: Claim, plan: Plan) -> Iterator[Problem]:
    """Goods in consignment are owed when they are withdrawn, and settled by us period by period; no invoice comes, and
    no credit note."""
    if claim.position.kind == "consignment" and claim.minor and claim.invoice.purpose != "self_billed":
        detail = f"{claim.about}: in consignment, owed when it is withdrawn"
        actual = "a supplier's invoice" if claim.minor > 0 else "a supplier's credit note"
        yield Problem(Code.CONSIGNMENT_BILLED, claim.where, "our own settlement", actual, detail=detail)
