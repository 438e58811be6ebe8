"""The procurement system's books: vendors, purchase orders, goods receipts."""

from decimal import ROUND_HALF_UP, Decimal

import msgspec
from msgspec.structs import asdict, replace

from tieout_lab.amounts import places
from tieout_lab.db import Db, now_text
from tieout_lab.feed import Feed
from tieout_lab.procurement.wire import (
    HeldOrder,
    HeldReceipt,
    HeldVendor,
    Item,
    Items,
    Order,
    Receipt,
    Released,
    Total,
    Totals,
    Vendor,
    VendorRef,
)
from tieout_lab.serving import Refusal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vendor (id INTEGER PRIMARY KEY, external_ref TEXT UNIQUE, tax_id TEXT NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS purchase_order (po_number TEXT PRIMARY KEY, company TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS receipt (receipt_no TEXT PRIMARY KEY, po_number TEXT NOT NULL, held INTEGER NOT NULL,
  body BLOB NOT NULL);
"""


class Store:
    """All of it."""

    def __init__(self, db: Db, feed: Feed) -> None:
        self._db, self._feed = db, feed
        db.script(_SCHEMA)

    def put_vendor(self, external_ref: str, data: Vendor) -> tuple[HeldVendor, bool]:
        """Hold this vendor under the caller's id; the same record again changes nothing. Says whether it is new. A
        vendor that buyers added here, with the same tax id and no outside id yet, is taken over."""
        with self._db.unit():
            row = self._db.row("SELECT body FROM vendor WHERE external_ref = ?", external_ref) or self._db.row(
                "SELECT body FROM vendor WHERE external_ref IS NULL AND tax_id = ? AND tax_id <> ''", data.tax_id
            )
            held = msgspec.json.decode(row["body"], type=HeldVendor) if row else None
            if held is not None and held.external_ref == external_ref and _given(held) == data:
                return held, False
            return self._save_vendor(external_ref, data, "api", held), held is None

    def add_vendor(self, data: Vendor) -> HeldVendor:
        """Buyers here add a vendor; it has no outside id until another system takes it over."""
        with self._db.unit():
            return self._save_vendor("", data, "buyer", None)

    def _save_vendor(self, external_ref: str, data: Vendor, by: str, held: HeldVendor | None) -> HeldVendor:
        number = int(held.vendor_no[1:]) if held else 1 + (self._db.value("SELECT max(id) FROM vendor") or 100_000)
        vendor = HeldVendor(
            **asdict(data),
            vendor_no=f"V{number}",
            external_ref=external_ref,
            version=held.version + 1 if held else 1,
            changed_by=by,
            changed_at=now_text(),
        )
        body = msgspec.json.encode(vendor)
        self._db.run(
            "INSERT OR REPLACE INTO vendor VALUES (?, ?, ?, ?)", number, external_ref or None, data.tax_id, body
        )
        self._feed.append(f"vendor/{vendor.vendor_no}", vendor)
        return vendor

    def vendors(self, external_ref: str | None, tax_id: str | None) -> list[HeldVendor]:
        """Vendors by the caller's id or by tax id; all of them without either."""
        rows = self._db.rows(
            "SELECT body FROM vendor WHERE (?1 IS NULL OR external_ref = ?1) AND (?2 IS NULL OR tax_id = ?2) "
            "ORDER BY id",
            external_ref,
            tax_id,
        )
        return [msgspec.json.decode(row["body"], type=HeldVendor) for row in rows]

    def place(self, data: Order) -> HeldOrder:
        """Place an order, or change one: a known number with other content is its next revision."""
        if not data.lines:
            raise Refusal(422, "NO_LINES", "an order has at least one line")
        with self._db.unit():
            number = data.po_number or self._next("purchase_order", "po_number", 4_500_000_000)
            row = self._db.row("SELECT body FROM purchase_order WHERE po_number = ?", number)
            revision = 1
            if row is not None:
                held = msgspec.json.decode(row["body"], type=HeldOrder)
                data = replace(data, po_number=number, vendor=self._vendor(data.vendor))
                if Order(**{name: getattr(held, name) for name in Order.__struct_fields__}) == data:
                    return held
                revision = held.revision + 1
            fields = {**asdict(data), "po_number": number, "vendor": self._vendor(data.vendor)}
            order = HeldOrder(**fields, revision=revision, changed_at=now_text())
            body = msgspec.json.encode(order)
            self._db.run("INSERT OR REPLACE INTO purchase_order VALUES (?, ?, ?)", number, order.company, body)
            self._feed.append(f"purchase_order/{number}", order)
        return order

    def order(self, number: str) -> HeldOrder:
        """One order."""
        row = self._db.row("SELECT body FROM purchase_order WHERE po_number = ?", number)
        if row is None:
            raise Refusal(404, "PO_NOT_FOUND", f"there is no order {number}")
        return msgspec.json.decode(row["body"], type=HeldOrder)

    def receive(self, data: Receipt) -> HeldReceipt:
        """Take a delivery in. A receipt number counts once: the same again is answered the same, another is refused."""
        with self._db.unit():
            order = self.order(data.po_number)
            lines = {line.line_no for line in order.lines}
            for line in data.lines:
                if line.po_line not in lines:
                    raise Refusal(422, "PO_LINE_NOT_FOUND", f"order {order.po_number} has no line {line.po_line}")
            number = data.receipt_no or f"GR-{1 + self._db.value('SELECT count(*) FROM receipt'):06d}"
            row = self._db.row("SELECT body FROM receipt WHERE receipt_no = ?", number)
            if row is not None:
                held = msgspec.json.decode(row["body"], type=HeldReceipt)
                if (held.po_number, held.lines) == (data.po_number, data.lines):
                    return held
                raise Refusal(409, "RECEIPT_EXISTS", f"receipt {number} was keyed in with other content")
            fields = {**asdict(data), "receipt_no": number}
            receipt = HeldReceipt(
                **fields, company=order.company, vendor=order.vendor, entered_at="" if data.held else now_text()
            )
            body = msgspec.json.encode(receipt)
            self._db.run("INSERT INTO receipt VALUES (?, ?, ?, ?)", number, data.po_number, data.held, body)
            if not data.held:
                self._feed.append(f"goods_receipt/{number}", receipt)
        return receipt

    def receipt(self, number: str) -> HeldReceipt:
        """One receipt, once it is keyed in."""
        row = self._db.row("SELECT body FROM receipt WHERE receipt_no = ? AND held = 0", number)
        if row is None:
            raise Refusal(404, "GR_NOT_FOUND", f"there is no receipt {number}")
        return msgspec.json.decode(row["body"], type=HeldReceipt)

    def release(self, numbers: tuple[str, ...] | None) -> Released:
        """Key in receipts that were held: these, or all."""
        released = []
        with self._db.unit():
            for row in self._db.rows("SELECT receipt_no, body FROM receipt WHERE held = 1 ORDER BY rowid"):
                if numbers is not None and row["receipt_no"] not in numbers:
                    continue
                held = msgspec.json.decode(row["body"], type=HeldReceipt)
                receipt = replace(held, held=False, entered_at=now_text())
                self._db.run(
                    "UPDATE receipt SET held = 0, body = ? WHERE receipt_no = ?",
                    msgspec.json.encode(receipt),
                    receipt.receipt_no,
                )
                self._feed.append(f"goods_receipt/{receipt.receipt_no}", receipt)
                released.append(receipt.receipt_no)
            still_held = self._db.value("SELECT count(*) FROM receipt WHERE held = 1")
        return Released(receipt_nos=tuple(released), still_held=still_held)

    def changes(self, after: int, limit: int) -> Items:
        """The change feed, in this product's shape."""
        page = self._feed.page(after, limit)
        rows = []
        for change in page.items:
            kind, _, number = change.type.partition("/")
            item = {"seq": change.seq, "kind": kind, "number": number, "changed_at": change.timestamp}
            rows.append(msgspec.convert({**item, "document": change.data}, Item))
        return Items(rows=tuple(rows), last_seq=page.next, has_more=page.more)

    def all_orders(self) -> list[HeldOrder]:
        """Every order, in the order they were placed."""
        rows = self._db.rows("SELECT body FROM purchase_order ORDER BY po_number")
        return [msgspec.json.decode(row["body"], type=HeldOrder) for row in rows]

    def all_receipts(self) -> list[HeldReceipt]:
        """Every receipt that is keyed in."""
        rows = self._db.rows("SELECT body FROM receipt WHERE held = 0 ORDER BY receipt_no")
        return [msgspec.json.decode(row["body"], type=HeldReceipt) for row in rows]

    def totals(self, company: str | None, currency: str | None) -> Totals:
        """Count and value of orders, and of receipts at order prices, by company and currency. Line by line rounded."""
        sums: dict[tuple[str, str, str], list[int]] = {}
        orders = {order.po_number: order for order in self.all_orders()}
        for order in orders.values():
            cell = sums.setdefault(("purchase_order", order.company, order.currency), [0, 0])
            cell[0] += 1
            cell[1] += sum(_value(order, line.line_no, line.quantity) for line in order.lines)
        for receipt in self.all_receipts():
            order = orders[receipt.po_number]
            cell = sums.setdefault(("goods_receipt", order.company, order.currency), [0, 0])
            cell[0] += 1
            cell[1] += sum(_value(order, line.po_line, line.quantity) for line in receipt.lines)
        rows = [
            msgspec.convert({"kind": k, "company": c, "currency": y, "count": n, "value_minor": v}, Total)
            for (k, c, y), (n, v) in sorted(sums.items())
            if company in (None, c) and currency in (None, y)
        ]
        return Totals(rows=tuple(rows), as_of=now_text())

    def _vendor(self, said: VendorRef) -> VendorRef:
        """Complete a vendor from our register by number or tax id; unknown ones stay as they were given."""
        for vendor in self.vendors(None, said.tax_id) if said.tax_id else self.vendors(None, None):
            if said.tax_id or vendor.vendor_no == said.vendor_no:
                return VendorRef(
                    vendor_no=vendor.vendor_no,
                    tax_id=vendor.tax_id,
                    name=vendor.name,
                    external_ref=vendor.external_ref,
                )
        return said

    def _next(self, table: str, column: str, base: int) -> str:
        highest = self._db.value(
            f"SELECT max(CAST({column} AS INTEGER)) FROM {table} WHERE {column} GLOB ?", f"{str(base)[:2]}*"
        )
        return str(max(highest or 0, base) + 1)


def _given(vendor: HeldVendor) -> Vendor:
    """The record without what we added to it."""
    return Vendor(**{name: getattr(vendor, name) for name in Vendor.__struct_fields__})


def _value(order: HeldOrder, line_no: str, quantity: str) -> int:
    line = next(line for line in order.lines if line.line_no == line_no)
    amount = Decimal(quantity) * Decimal(line.price) / Decimal(line.price_unit)
    return int(amount.scaleb(places(order.currency)).to_integral_value(ROUND_HALF_UP))
