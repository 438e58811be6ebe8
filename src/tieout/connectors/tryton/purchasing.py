"""Purchase orders and goods receipts."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from tieout.connectors.tryton.client import Values
from tieout.connectors.tryton.directory import Company, UnfitError
from tieout.connectors.tryton.landing import Documents, Landed, ids_of
from tieout.connectors.tryton.translate import fits_unit, order_line_values, record_reference
from tieout.kernel.problem import Code, Problem
from tieout.model.documents import OrderLine
from tieout.model.effects import CreateOrder, RecordReceipt
from tieout.ports import Applied, Effect

_ORDER = "purchase.purchase"
_RECEIPT = "stock.shipment.in"
_RETURN = "stock.shipment.in.return"


class Orders(Documents[CreateOrder]):
    """``create_order``. The order number both sides print stands in the reference.

    The ERP is told never to draft invoices from orders (``invoice_method`` manual): tieout posts what suppliers bill.
    """

    model = _ORDER
    key_field = "reference"
    fields = ("state", "number")

    def key_of(self, payload: CreateOrder) -> str:
        return payload.order.order_id

    def entity_of(self, payload: CreateOrder) -> str:
        return payload.order.entity

    def is_finished(self, row: Values) -> bool:
        return row["state"] in {"processing", "done"}

    def learn(self, company: Company, payloads: Sequence[CreateOrder]) -> None:
        self.directory.learn_parties(payload.order.supplier_id for payload in payloads)

    def values_of(self, payload: CreateOrder, company: Company, attempt: int) -> Values:
        order = payload.order
        party = self.directory.party(order.supplier_id)
        return {
            "reference": order.order_id,
            "party": party.record_id,
            "invoice_address": party.address,
            "company": company.record_id,
            "currency": self.directory.currency(order.currency),
            "warehouse": self.directory.warehouse()["id"],
            "purchase_date": order.ordered_on,
            "invoice_method": "manual",
            "lines": [("create", [self._line(line, company) for line in order.lines])],
        }

    def _line(self, line: OrderLine, company: Company) -> Values:
        """A line of an item where one fits, else of free text, which the ERP receives no goods for."""
        item = self.directory.item(line.item, line.unit)
        tax = self.directory.tax(company, line.tax_rate) if line.tax_rate else None
        return order_line_values(line, item if item and fits_unit(line.quantity, item.unit) else None, tax)

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        self.client.press(_ORDER, "quote", ids_of(landed, "draft"), context=company.context)
        self.client.press(_ORDER, "confirm", ids_of(landed, "draft", "quotation"), context=company.context)
        # Where Tryton leaves the processing to a worker, it is done here, so that receipts find their moves.
        rows = self.client.read(_ORDER, ids_of(landed), ["state"], context=company.context)
        waiting = [row["id"] for row in rows if row["state"] == "confirmed"]
        self.client.press(_ORDER, "process", waiting, context=company.context)

    def discard(self, company: Company, record_id: int) -> None:
        (row,) = self.client.read(_ORDER, [record_id], ["state"], context=company.context)
        if row["state"] == "quotation":
            self.client.press(_ORDER, "draft", [record_id], context=company.context)
        self.client.delete(_ORDER, [record_id], context=company.context)

    def applied(self, company: Company, payload: CreateOrder, row: Values) -> Applied:
        return Applied(reference=record_reference(_ORDER, row["id"]), links={"number": row["number"] or ""})


class Receipts(Documents[RecordReceipt]):
    """``record_receipt`` of deliveries. Our receipt id stands in the reference of the supplier shipment.

    The ERP keeps an open stock move for what is left to come of an order line. A delivery takes that move with its
    own quantity, and the ERP opens a new one for the rest; so deliveries on one order go one after the other.
    """

    model = _RECEIPT
    key_field = "reference"
    fields = ("state", "number", "effective_date")

    def key_of(self, payload: RecordReceipt) -> str:
        return payload.receipt.receipt_id

    def entity_of(self, payload: RecordReceipt) -> str:
        return payload.receipt.entity

    def is_finished(self, row: Values) -> bool:
        return bool(row["state"] == "done")

    def rounds(self, effects: Sequence[Effect]) -> list[list[Effect]]:
        waiting = list(effects)
        rounds: list[list[Effect]] = []
        while waiting:
            first: dict[str, Effect] = {}
            for effect in waiting:
                first.setdefault(self._payload(effect).receipt.order_id, effect)
            rounds.append(list(first.values()))
            taken = {effect.effect_id for effect in first.values()}
            waiting = [effect for effect in waiting if effect.effect_id not in taken]
        return rounds

    def learn(self, company: Company, payloads: Sequence[RecordReceipt]) -> None:
        self.directory.learn_parties(payload.receipt.supplier_id for payload in payloads)

    def values_of(self, payload: RecordReceipt, company: Company, attempt: int) -> Values:
        receipt = payload.receipt
        if any(line.quantity < 0 for line in receipt.lines):
            detail = "goods that came and goods sent back are two documents in the ERP; send two receipts"
            raise UnfitError(Problem(Code.EFFECT_REFUSED, where=receipt.receipt_id, detail=detail))
        quantities: dict[str, Decimal] = {}
        for line in receipt.lines:
            quantities[line.order_line_id] = quantities.get(line.order_line_id, Decimal(0)) + line.quantity
        warehouse = self.directory.warehouse()
        return {
            "reference": receipt.receipt_id,
            "supplier": self.directory.party(receipt.supplier_id).record_id,
            "company": company.record_id,
            "warehouse": warehouse["id"],
            "warehouse_input": warehouse["input_location"],
            "warehouse_storage": warehouse["storage_location"],
            "effective_date": receipt.received_on,
            "incoming_moves": self._moves(receipt.order_id, quantities, receipt.received_on, company),
        }

    def _moves(
        self, order_id: str, quantities: dict[str, Decimal], received_on: date, company: Company
    ) -> list[tuple[object, ...]]:
        """Commands that give the shipment its moves: the open one of each order line, or a new one beyond it."""
        lines = receivable_lines(self, company, order_id, list(quantities))
        open_moves = self._open_moves(list(lines.values()))
        commands: list[tuple[object, ...]] = []
        for line_id, line in lines.items():
            quantity = {"quantity": float(quantities[line_id]), "effective_date": received_on}
            move = open_moves.get(line["id"])
            if move is not None:
                commands += [("add", [move]), ("write", [move], quantity)]
            else:
                commands.append(("create", [self._move_beyond_the_order(line, company) | quantity]))
        return commands

    def _open_moves(self, lines: Sequence[Values]) -> dict[int, int]:
        by_origin = {f"purchase.line,{line['id']}": line["id"] for line in lines}
        rows = self.client.search_read(
            "stock.move",
            [("origin", "in", list(by_origin)), ("state", "=", "draft"), ("shipment", "=", None)],
            ["origin"],
        )
        return {by_origin[row["origin"]]: row["id"] for row in rows}

    def _move_beyond_the_order(self, line: Values, company: Company) -> Values:
        return {
            "origin": f"purchase.line,{line['id']}",
            "product": line["product"],
            "unit": line["unit"],
            "from_location": self.directory.supplier_location(),
            "to_location": self.directory.warehouse()["input_location"],
            "company": company.record_id,
            "currency": line["purchase."]["currency"],
            "unit_price": line["unit_price"],
        }

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        arriving, arrived = ids_of(landed, "draft"), ids_of(landed, "draft", "received")
        self.client.press(self.model, "receive", arriving, context=company.context, allow=self.allow)
        self.client.press(self.model, "do", arrived, context=company.context, allow=self.allow)

    def discard(self, company: Company, record_id: int) -> None:
        self.client.press(self.model, "cancel", [record_id], context=company.context)
        self.client.delete(self.model, [record_id], context=company.context)

    def applied(self, company: Company, payload: RecordReceipt, row: Values) -> Applied:
        return Applied(reference=record_reference(self.model, row["id"]), links={"number": row["number"] or ""})


class GoodsReturns(Receipts):
    """``record_receipt`` of goods sent back: a return shipment.

    It is not tied to the order line: the ERP would count it as a further delivery.
    """

    model = _RETURN

    def values_of(self, payload: RecordReceipt, company: Company, attempt: int) -> Values:
        receipt = payload.receipt
        party = self.directory.party(receipt.supplier_id)
        lines = receivable_lines(self, company, receipt.order_id, [line.order_line_id for line in receipt.lines])
        route = {
            "from_location": self.directory.warehouse()["storage_location"],
            "to_location": self.directory.supplier_location(),
        }
        moves = [
            {
                **route,
                "product": lines[line.order_line_id]["product"],
                "unit": lines[line.order_line_id]["unit"],
                "quantity": float(-line.quantity),
                "company": company.record_id,
                "currency": lines[line.order_line_id]["purchase."]["currency"],
                "unit_price": lines[line.order_line_id]["unit_price"],
                "effective_date": receipt.received_on,
            }
            for line in receipt.lines
            if line.order_line_id in lines
        ]
        return {
            **route,
            "reference": receipt.receipt_id,
            "supplier": party.record_id,
            "delivery_address": party.address,
            "company": company.record_id,
            "effective_date": receipt.received_on,
            "moves": [("create", moves)],
        }

    def finish(self, company: Company, landed: Sequence[Landed]) -> None:
        """Through all its states. The ERP asks why the moves have no origin; see above."""
        passed: list[str] = []
        for button, state in (("wait", "draft"), ("assign_force", "waiting"), ("do", "assigned")):
            passed.append(state)
            ids = ids_of(landed, *passed)
            self.client.press(self.model, button, ids, context=company.context, allow=(*self.allow, "done"))


def receivable_lines(
    documents: Documents[RecordReceipt], company: Company, order_id: str, line_ids: Sequence[str]
) -> dict[str, Values]:
    """The order lines of a delivery that the ERP keeps stock of. Raises ``UnfitError`` for lines it does not know."""
    rows = documents.client.search_read(
        "purchase.line",
        [
            ("purchase.company", "=", company.record_id),
            ("purchase.reference", "=", order_id),
            ("purchase.state", "in", ["confirmed", "processing", "done"]),
            ("note", "in", list(line_ids)),
        ],
        ["note", "product", "product.template.type", "unit", "unit_price", "purchase.currency"],
        context=company.context,
    )
    by_line = {row["note"]: row for row in rows}
    missing = [line_id for line_id in line_ids if line_id not in by_line]
    if missing:
        raise UnfitError(
            Problem(
                Code.UNKNOWN_ORDER_LINE if by_line else Code.UNKNOWN_ORDER,
                where=f"{order_id}/{missing[0]}" if by_line else order_id,
                detail="the ERP does not hold it",
            )
        )
    movable = {
        line_id: row
        for line_id, row in by_line.items()
        if row["product"] and row["product."]["template."]["type"] != "service"
    }
    if not movable:
        raise UnfitError(
            Problem(Code.EFFECT_REFUSED, where=order_id, detail="the ERP keeps no receipts of services or free text")
        )
    return movable
