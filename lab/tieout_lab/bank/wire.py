"""What goes over the bank's HTTP API: camelCase, decimal texts, ISO 20022 codes."""

from datetime import date
from typing import Literal

from msgspec import field

from tieout_lab.wire import CurrencyCode, DecimalText, Name, Natural
from tieout_lab.wire import Wire as AnyWire

StatusStep = Literal["ACTC", "ACCP", "ACSC"]


class Wire(AnyWire, rename="camel"):
    """Root of all bodies of this product."""


class Money(Wire):
    """An amount."""

    amount: DecimalText
    currency: CurrencyCode


class Return(Wire):
    """A payment that came back."""

    reason: str
    booked_on: date
    bank_reference: str


class PaymentStatus(Wire):
    """What became of one payment. The same ``endToEndId`` twice is two payments: we do not look at it."""

    end_to_end_id: str
    message_id: str
    payment_information_id: str
    instruction_id: str
    transaction_status: str
    amount: Money
    creditor_name: str
    creditor_iban: str
    requested_on: date
    execute_on: date
    reason: str = ""
    booked_on: date | None = None
    bank_reference: str = ""
    returned: Return | None = None


class PaymentStatuses(Wire):
    """Payments found."""

    payments: tuple[PaymentStatus, ...]


class FileStatus(Wire, kw_only=True):
    """What became of one file. ``duplicatesRefused``: how often the same MsgId came again."""

    message_id: str
    group_status: str
    reason: str = ""
    file_name: str
    received_at: str
    transactions: int
    control_sum: DecimalText
    accepted: int
    rejected: int
    duplicates_refused: int


class AccountStatus(Wire):
    """An account. ``booked`` is the ledger balance, ``available`` less what waits for its execution date."""

    iban: str
    currency: str
    owner: str
    booked: DecimalText
    available: DecimalText
    business_date: date
    last_statement: int


class StatementSummary(Wire):
    """A statement that was made: its number, its day and its closing balance."""

    number: int
    day: date
    closing: DecimalText
    currency: str


class Statements(Wire):
    """All statements of an account, oldest first. ``opening`` is the balance before the first."""

    opening: DecimalText
    statements: tuple[StatementSummary, ...]


class LedgerEntry(Wire):
    """A booked entry. Money out is negative."""

    entry_id: int
    bank_reference: str
    booked_on: date
    value_on: date
    amount: Money
    kind: Literal["payment", "batch", "return", "fee", "incoming"]
    end_to_end_id: str
    counterparty: str
    text: str
    statement: int | None


class Entries(Wire):
    """A page of entries."""

    entries: tuple[LedgerEntry, ...]
    next: int
    more: bool


class Creditor(Wire):
    """How payments to an account end: ``pay``, ``reject`` (at once, pain.002), ``return`` (later, credit entry)."""

    iban: Name
    behaviour: Literal["pay", "reject", "return"]
    reason: str = ""
    after_days: Natural = 1


class Day(Wire):
    """A business date."""

    date: date


class CloseDay(Wire):
    """End of the business day. ``to``: the next one (default: the next weekday). ``withhold``: accounts whose statement
    is made but not sent until ``/_lab/statements/release``."""

    to: date | None = None
    withhold: tuple[str, ...] = ()


class Fee(Wire):
    """A bank fee to book."""

    iban: str
    amount: DecimalText
    text: str = "Account fees"


class Incoming(Wire):
    """Money that comes in from somebody."""

    iban: str
    amount: DecimalText
    name: str = "Unknown Payer Ltd"
    text: str = "thank you"
    end_to_end_id: str = "NOTPROVIDED"


class ReturnNow(Wire):
    """Send a payment back today. Without ``endToEndId``: all that are due to be returned some day."""

    end_to_end_id: str = ""
    reason: str = "AC04"


class Settings(Wire):
    """The bank's habits.

    ``statusSteps``: which positive statuses it reports. ``detail``: transactions it lists in a status report
    (``rejects``: only what did not go as asked). ``codeMap``: its own names for standard codes. ``notify``: camt.054.
    """

    status_steps: tuple[StatusStep, ...] = ("ACCP",)
    detail: Literal["rejects", "all"] = "rejects"
    code_map: dict[str, str] = field(default_factory=dict)
    notify: bool = True


class PaymentCount(Wire, omit_defaults=False):
    """How often one EndToEndId was paid, returned, rejected, or waits. ``amount`` is of one payment."""

    paid: int = 0
    returned: int = 0
    rejected: int = 0
    waiting: int = 0
    amount: Money | None = None


class AccountCount(Wire):
    """An account's arithmetic: opening + entries = balance, always."""

    iban: str
    currency: str
    opening: DecimalText
    entries: int
    entries_sum: DecimalText
    balance: DecimalText


class Ledger(Wire):
    """The truth: what the bank really did. ``paidTwice`` lists EndToEndIds that were paid more than once."""

    business_date: date
    accounts: tuple[AccountCount, ...]
    payments: dict[str, PaymentCount]
    paid_twice: tuple[str, ...]
    files: int
    duplicate_files_refused: int
    unreadable_files: int


class Written(Wire):
    """Files that went out."""

    files: tuple[str, ...]


class Problem(Wire):
    """An error, as PSD2 interfaces write it."""

    category: str
    code: str
    text: str


class Problems(Wire):
    """Errors."""

    tpp_messages: tuple[Problem, ...]
