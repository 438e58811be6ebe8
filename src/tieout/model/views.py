"""The columns of the read views. A view row is what a process shows of one of its states; it can always be rebuilt.

Column kinds: ``text``; ``int`` (also amounts, in minor units, with a ``currency`` column beside them); ``day`` (ISO
8601 text); ``time`` (microseconds since 1970, UTC). Every view also has ``subject`` (its key) and ``partition``.
"""

from typing import Literal

from msgspec import Struct

Kind = Literal["text", "int", "day", "time"]


class View(Struct, frozen=True):
    """One read view: its columns and the column sets that pages filter and sort by."""

    name: str
    columns: dict[str, Kind]
    indexes: tuple[tuple[str, ...], ...] = ()


SUPPLIER = View(
    "supplier",
    {
        "name": "text",
        "tax_id": "text",
        "country": "text",
        "status": "text",  # proposed, active, refused
        "hold_reason": "text",  # not empty: payments to it may not be released
        "iban_masked": "text",
        "change_id": "text",  # the bank change that is open, if any
        "systems": "text",  # where it is held: "ap, erp"
    },
    (("status",),),
)
INVOICE = View(
    "invoice",
    {
        "entity": "text",
        "supplier_id": "text",
        "supplier_name": "text",
        "number": "text",
        "kind": "text",
        "status": "text",  # processes/invoice draws the states
        "reason": "text",  # why it stands where it stands, when that is not where it should
        "currency": "text",
        "payable_minor": "int",  # negative for a credit note
        "issued_on": "day",
        "due_on": "day",
        "period": "text",
        "channel": "text",
        "erp_number": "text",
        "payment_id": "text",
        "document": "text",
        "received_at": "time",
        "changed_at": "time",
    },
    (("status", "due_on"), ("supplier_id",), ("entity", "period", "status"), ("number",)),
)
LOOKALIKE = View(
    "lookalike",
    {
        "entity": "text",
        "supplier_id": "text",
        "currency": "text",
        "amount_minor": "int",
        "intervals": "text",  # days between two of them, 0 for the same day: "0, 30"
        "until": "day",  # the last day on which it counts
        "taught_by": "text",
        "invoice_id": "text",
    },
    (("supplier_id",),),
)
ORDER = View(
    "order",
    {
        "entity": "text",
        "supplier_id": "text",
        "currency": "text",
        "ordered_on": "day",
        "ordered_minor": "int",
        "received_minor": "int",
        "billed_minor": "int",
        "unaccrued_minor": "int",
    },
    (("supplier_id",),),
)
PAYMENT = View(
    "payment",
    {
        "run_id": "text",
        "invoice_id": "text",
        "entity": "text",
        "supplier_id": "text",
        "currency": "text",
        "amount_minor": "int",
        "status": "text",  # requested, reserved, withheld, released, claimed, booked, rejected, returned
        "claim": "text",  # the last status the bank reported
        "execute_on": "day",
        "booked_on": "day",
        "reason": "text",
        "changed_at": "time",
    },
    (("status",), ("run_id",), ("invoice_id",)),
)
RUN = View(
    "payment_run",
    {
        "entity": "text",
        "iban": "text",
        "currency": "text",
        "execute_on": "day",
        "status": "text",  # collecting, ready, releasing, released, delivered, cancelled
        "count": "int",
        "total_minor": "int",
        "proposed_by": "text",
        "released_by": "text",
        "claim": "text",
        "reason": "text",
    },
    (("status",),),
)
ACCOUNT = View(
    "account",
    {
        "entity": "text",
        "currency": "text",
        "statement_id": "text",
        "closing_minor": "int",
        "closed_on": "day",
        "gaps": "int",
        "unmatched": "int",
    },
)
CASE = View(
    "case",
    {
        "case_class": "text",
        "severity": "text",
        "owner_role": "text",
        "entity": "text",
        "document": "text",
        "supplier_id": "text",
        "spend_category": "text",  # what the document mostly buys, such as UNSPSC:43211503
        "reason": "text",
        "problems": "text",  # JSON, for the page
        "remedy": "text",
        "actions": "text",  # comma-separated names of allowed actions
        "status": "text",  # open, settled
        "assignee": "text",
        "resolution": "text",
        "currency": "text",
        "amount_minor": "int",
        "opened_at": "time",
        "settled_at": "time",
        "due_at": "time",  # 0 for cases of logs older than target times
        "deadline": "day",  # when money is lost or late; empty when nothing hangs on a day
        "deadline_name": "text",
        "level": "int",  # how often it was escalated
        "rule": "text",  # which rule of the policy gave it to its owner
        "opened_count": "int",
    },
    (("status", "case_class"), ("document",)),
)
QUERY = View(
    "query",
    {
        "supplier_id": "text",
        "document": "text",
        "question": "text",
        "asked_by": "text",
        "asked_at": "time",
        "answer": "text",
        "answered_at": "time",
    },
    (("supplier_id",),),
)
PERIOD = View(
    "period",
    {
        "entity": "text",
        "period": "text",
        "status": "text",  # ready, not_ready
        "blockers": "text",  # JSON: name → count
        "signals": "text",  # JSON: required system → last heard of
        "tie_outs": "text",  # JSON: pair → {"agrees": …, "left": …, "right": …}
        "tasks": "text",  # JSON: task id → {"name": …, "done": …}
        "evaluated_at": "time",
    },
    (("entity", "period"),),
)

PREDICTION = View(
    "prediction",
    {
        "entity": "text",
        "dialect": "text",
        "predicted_placed": "int",
        "predicted_not_placed": "int",
        "placed_not_predicted": "int",
        "none_either": "int",
    },
    (("entity", "dialect"),),
)

VIEWS: dict[str, View] = {
    view.name: view
    for view in (SUPPLIER, INVOICE, LOOKALIKE, ORDER, PAYMENT, RUN, ACCOUNT, CASE, QUERY, PERIOD, PREDICTION)
}
"""All views by name. The table of a view is called ``view_<name>``."""
