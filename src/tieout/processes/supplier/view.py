"""What people see of a supplier: its row in the list."""

from tieout.policy.identifiers import masked_iban
from tieout.processes.process import Row
from tieout.processes.supplier.holding import held
from tieout.processes.supplier.state import State


def show(subject: str, state: State) -> Row | None:
    """The row of the supplier list, with the account masked. Suppliers nobody proposed are not shown."""
    if state.status == "unknown":
        return None
    supplier = state.supplier
    account = supplier.bank_account if supplier else None
    return {
        "name": state.name,
        "tax_id": supplier.tax_id if supplier else "",
        "country": supplier.address.country if supplier else "",
        "status": state.status,
        "hold_reason": held(state) if state.status == "active" else "",
        "iban_masked": masked_iban(account.account_id) if account else "",
        "change_id": state.change.change_id if state.change else "",
        "systems": ", ".join(sorted(name for name, copy in state.copies.items() if copy.held)),
    }
