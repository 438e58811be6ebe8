"""Where a supplier stands: its record, what each system holds of it, the bank change that is open, and a hold."""

from msgspec import Struct

from tieout.model.documents import BankAccount, Supplier

#: So many invoices of an unknown supplier are looked at again by themselves; the rest a person rechecks.
WAITING_MAX = 200


class Copy(Struct, frozen=True, omit_defaults=True):
    """What one system holds: the version asked of it, the version it is known to hold, whether the last write failed.

    ``behind`` is the version whose write must land first, if one is still on its way.
    """

    asked: int
    held: int = 0
    behind: int = 0
    failed: bool = False


class Change(Struct, frozen=True, omit_defaults=True):
    """A bank change that is open. ``note`` says why the last confirmation did not count; ``former`` are the ids under
    which another account was asked for before."""

    change_id: str
    account: BankAccount
    requested_by: str
    channel: str = ""
    confirmed_by: tuple[str, ...] = ()
    note: str = ""
    rejected: bool = False
    former: tuple[str, ...] = ()


class Hold(Struct, frozen=True, omit_defaults=True):
    """A hold that a person placed."""

    reason: str
    placed_by: str
    note: str = ""


class State(Struct, frozen=True, omit_defaults=True):
    """Where a supplier stands. ``syncing`` is the confirmed bank change that not every system holds yet."""

    status: str = "unknown"
    name: str = ""
    supplier: Supplier | None = None
    version: int = 0
    copies: dict[str, Copy] = {}
    change: Change | None = None
    syncing: str = ""
    hold: Hold | None = None
    waiting: tuple[str, ...] = ()
    rechecking: tuple[str, ...] = ()
