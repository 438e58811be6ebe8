"""Are the identifiers of a business partner plausible? Check digits and formats, by python-stdnum.

A check digit proves that a number was not mistyped, never that it belongs to whoever sent it.
"""

from collections.abc import Callable, Iterator

from stdnum import iban as iban_numbers
from stdnum.eu import vat
from stdnum.exceptions import InvalidChecksum, ValidationError

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankAccount, Supplier
from tieout.model.identity import normal_tax_id

_SEPARATORS = str.maketrans("", "", " .-/–\t\u00a0\u202f")
_EU_PREFIXES = frozenset(prefix.upper() for prefix in vat.MEMBER_STATES) | {"EL", "XI"}


def normal_iban(text: str) -> str:
    """An IBAN as machines write it."""
    return text.translate(_SEPARATORS).upper()


def masked_iban(iban: str) -> str:
    """An IBAN for people to recognise but not to copy: ``DE •••• 3000``."""
    return f"{iban[:2]} •••• {iban[-4:]}" if len(iban) > 8 else "••••" if iban else ""


def iban_problems(iban: str, where: str = "bank_account.iban") -> Iterator[Problem]:
    """Wrong country format or check digits."""
    try:
        iban_numbers.validate(iban)
    except ValidationError as error:
        yield Problem(Code.BAD_IBAN, where, "an IBAN with right check digits", masked_iban(iban), detail=str(error))


def account_problems(account: BankAccount, where: str = "bank_account") -> Iterator[Problem]:
    """An IBAN is checked by its rules. Without one it takes the bank's clearing code and a number there; of these an
    ABA routing number has a check digit, and a British sort code six digits."""
    if account.iban or not (account.clearing or account.number):
        yield from iban_problems(account.iban, f"{where}.iban")
        return
    system, member = account.clearing[:5], account.clearing[5:]
    rule = _CLEARING.get(system)
    if not account.number or not account.clearing:
        yield Problem(Code.MISSING_FIELD, where, "an IBAN, or a clearing code and a number")
    elif rule and not rule(member):
        yield Problem(Code.BAD_IBAN, f"{where}.clearing", "a bank number that can be right", account.clearing)


def _is_routing_number(text: str) -> bool:
    """The check digit of an ABA routing number: weights 3, 7, 1 give a multiple of ten."""
    if len(text) != 9 or not (text.isascii() and text.isdecimal()):
        return False
    return sum(int(digit) * weight for digit, weight in zip(text, (3, 7, 1) * 3, strict=True)) % 10 == 0


#: Rules of clearing systems, by the first five signs of the code (ISO 20022 external clearing system codes).
_CLEARING: dict[str, Callable[[str], bool]] = {
    "USABA": _is_routing_number,
    "GBDSC": lambda text: len(text) == 6 and text.isascii() and text.isdecimal(),
}


def tax_id_problems(tax_id: str) -> Iterator[Problem]:
    """EU VAT numbers are checked by their country's rules; others must be 4 to 20 letters and digits."""
    number = normal_tax_id(tax_id)
    if fault := _vat_fault(number):
        yield Problem(Code.BAD_TAX_ID, "tax_id", f"a VAT number of {number[:2]}", tax_id, detail=fault)
    elif not (4 <= len(number) <= 20 and number.isascii() and number.isalnum()):
        yield Problem(Code.BAD_TAX_ID, "tax_id", "4 to 20 letters and digits", tax_id or "nothing")


def _vat_fault(number: str) -> str:
    """What is wrong with an EU VAT number. Other registrations begin with the same two letters now and then: what has
    letters and not the form of its country's VAT numbers is taken for one of those."""
    if number[:2] not in _EU_PREFIXES:
        return ""
    try:
        vat.validate(number)
    except InvalidChecksum:
        return "wrong check digits"
    except ValidationError:
        return "wrong form" if number[2:].isdigit() else ""
    return ""


def supplier_problems(supplier: Supplier) -> Iterator[Problem]:
    """Everything that keeps a supplier record from being used."""
    if not supplier.name.strip():
        yield Problem(Code.MISSING_FIELD, "name", "a name", "nothing")
    yield from tax_id_problems(supplier.tax_id)
    if supplier.bank_account is not None:
        yield from account_problems(supplier.bank_account)
