"""What makes a business partner's identifiers plausible, and how what is wrong with them is told."""

from string import digits

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.processes.company import IBAN, SUPPLIER

from tieout.kernel.problem import Code, Problem
from tieout.model.documents import BankAccount
from tieout.policy.identifiers import (
    account_problems,
    iban_problems,
    masked_iban,
    normal_iban,
    supplier_problems,
    tax_id_problems,
)

_ROUTING_WEIGHTS = (3, 7, 1, 3, 7, 1, 3, 7)


def bad_iban(shown: str, why: str, where: str = "bank_account.iban") -> Problem:
    return Problem(Code.BAD_IBAN, where, "an IBAN with right check digits", shown, detail=why)


def bad_vat(country: str, number: str, why: str = "wrong check digits") -> Problem:
    return Problem(Code.BAD_TAX_ID, "tax_id", f"a VAT number of {country}", number, detail=why)


def bad_registration(number: str) -> Problem:
    return Problem(Code.BAD_TAX_ID, "tax_id", "4 to 20 letters and digits", number)


def account(iban: str = "", clearing: str = "", number: str = "") -> BankAccount:
    return BankAccount(iban=iban, holder="Bolt Inc", clearing=clearing, number=number)


# IBAN (ISO 13616)


@pytest.mark.parametrize(
    "printed",
    ["DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00", "DE89.3704.0044.0532.0130.00", "DE89/37040044–0532013000"],
)  # fmt: skip
def test_an_iban_is_one_however_it_is_printed(printed: str) -> None:
    assert normal_iban(printed) == IBAN


@pytest.mark.parametrize(
    ("iban", "shown"),
    [
        (IBAN, "DE •••• 3000"),
        ("NO9386011117947", "NO •••• 7947"),
        pytest.param("123456789", "12 •••• 6789", id="nine signs: three stay hidden"),
        pytest.param("12345678", "••••", id="too short to hide anything in it"),
        ("1", "••••"),
        ("", ""),
    ],
)
def test_people_recognise_an_iban_but_cannot_copy_it(iban: str, shown: str) -> None:
    assert masked_iban(iban) == shown


@pytest.mark.parametrize(
    ("iban", "problems"),
    [
        (IBAN, []),
        ("DE89 3704 0044 0532 0130 00", []),
        ("GB29NWBK60161331926819", []),
        (
            "DE89370400440532013001",
            [bad_iban("DE •••• 3001", "The number's checksum or check digit is invalid.")],
        ),
        ("", [bad_iban("", "The number has an invalid format.")]),
    ],
)
def test_an_iban_is_checked_by_its_check_digits_and_shown_masked(iban: str, problems: list[Problem]) -> None:
    assert list(iban_problems(iban)) == problems


@given(st.integers(2, len(IBAN) - 1), st.sampled_from(digits))
def test_any_one_mistyped_digit_of_an_iban_is_noticed(place: int, digit: str) -> None:
    assume(IBAN[place] != digit)
    mistyped = IBAN[:place] + digit + IBAN[place + 1 :]
    assert [problem.code for problem in iban_problems(mistyped)] == [Code.BAD_IBAN]


# Accounts: an IBAN, or a bank's clearing code and a number there


def incomplete(where: str = "bank_account") -> Problem:
    return Problem(Code.MISSING_FIELD, where, "an IBAN, or a clearing code and a number")


def bad_bank(clearing: str, where: str = "bank_account") -> Problem:
    return Problem(Code.BAD_IBAN, f"{where}.clearing", "a bank number that can be right", clearing)


@pytest.mark.parametrize(
    ("told", "problems"),
    [
        pytest.param(account(IBAN), [], id="an IBAN is enough"),
        pytest.param(account(IBAN, "USABA1", "1"), [], id="and beside it nothing else counts"),
        pytest.param(account(), [bad_iban("", "The number has an invalid format.")], id="nothing at all"),
        pytest.param(account("", "USABA021000021", "123"), [], id="an ABA routing number"),
        pytest.param(account("", "GBDSC200415", "31926819"), [], id="a British sort code"),
        pytest.param(account("", "AUBSB062000", "1"), [], id="of other systems we know no rule"),
        pytest.param(account("", "", "123"), [incomplete()], id="a number at no bank"),
        pytest.param(account("", "USABA021000021"), [incomplete()], id="a bank without a number"),
        pytest.param(account("", "USABA021000020", "1"), [bad_bank("USABA021000020")], id="a wrong check digit"),
        pytest.param(account("", "USABA", "1"), [bad_bank("USABA")], id="no routing number"),
        pytest.param(account("", "USABA02100002A", "1"), [bad_bank("USABA02100002A")], id="a letter"),
        pytest.param(account("", "USABA02100002²", "1"), [bad_bank("USABA02100002²")], id="a digit for the eye only"),
        pytest.param(account("", "USABA02100002１", "1"), [bad_bank("USABA02100002１")], id="a full-width digit"),
        pytest.param(account("", "USABA02100002", "1"), [bad_bank("USABA02100002")], id="eight digits"),
        pytest.param(account("", "USABA0210000210", "1"), [bad_bank("USABA0210000210")], id="ten digits"),
        pytest.param(account("", "GBDSC20041", "1"), [bad_bank("GBDSC20041")], id="five digits of a sort code"),
        pytest.param(account("", "GBDSC20041A", "1"), [bad_bank("GBDSC20041A")], id="a letter in a sort code"),
    ],
)
def test_an_account_without_an_iban_takes_a_bank_and_a_number_there(told: BankAccount, problems: list[Problem]) -> None:
    assert list(account_problems(told)) == problems


def test_a_problem_points_to_the_account_that_was_asked_about() -> None:
    asked = (account("XX00"), account("", "", "1"), account("", "GBDSC1", "1"))
    assert [list(account_problems(one, "payee")) for one in asked] == [
        [bad_iban("••••", "The number's checksum or check digit is invalid.", "payee.iban")],
        [incomplete("payee")],
        [bad_bank("GBDSC1", "payee")],
    ]


@given(st.text(digits, min_size=8, max_size=8))
def test_a_routing_number_has_exactly_one_right_check_digit(number: str) -> None:
    """The rule of the American Bankers Association: 3·d1 + 7·d2 + 1·d3 + 3·d4 + … is a multiple of ten."""
    weighted = sum(int(digit) * weight for digit, weight in zip(number, _ROUTING_WEIGHTS, strict=True))
    taken = [digit for digit in digits if not list(account_problems(account("", f"USABA{number}{digit}", "1")))]
    assert taken == [str(-weighted % 10)]


# Tax registrations


@pytest.mark.parametrize(
    "number",
    [
        "DE136695976",
        "DE 136.695.976",
        "ATU13585627",
        "FR40303265045",
        "NL4495445B01",
        "IE6433435F",
        pytest.param("EL094259216", id="Greece is EL in VAT numbers"),
        pytest.param("GR094259216", id="and GR elsewhere"),
        pytest.param("XI980780684", id="Northern Ireland"),
        pytest.param("12-3456789", id="an American EIN"),
        pytest.param("DEHRB12345", id="a registration that only begins like a VAT number"),
        pytest.param("FRRMRA80A01H501Z", id="an Italian fiscal code does so too"),
        pytest.param("AB12", id="four signs"),
        pytest.param("A" * 20, id="twenty signs"),
    ],
)
def test_a_plausible_tax_registration(number: str) -> None:
    assert list(tax_id_problems(number)) == []


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        ("DE136695977", bad_vat("DE", "DE136695977")),
        ("de 136 695 977", bad_vat("DE", "de 136 695 977")),
        pytest.param("DE1366959", bad_vat("DE", "DE1366959", "wrong form"), id="too few digits"),
        ("EL094259217", bad_vat("EL", "EL094259217")),
        ("XI980780685", bad_vat("XI", "XI980780685")),
        pytest.param("DE036695976", bad_vat("DE", "DE036695976", "wrong form"), id="German ones do not begin with 0"),
        ("AB1", bad_registration("AB1")),
        ("A" * 21, bad_registration("A" * 21)),
        pytest.param("АВ1234", bad_registration("АВ1234"), id="Cyrillic letters that look like ours"),
        pytest.param("...", bad_registration("..."), id="dots only"),
        pytest.param("", bad_registration("nothing"), id="none"),
    ],
)
def test_an_implausible_tax_registration(number: str, problem: Problem) -> None:
    assert list(tax_id_problems(number)) == [problem]


@pytest.mark.parametrize("number", ["ATU13585628", "CY10259033Q", "ESA13585626", "IE6433435A", "NL004495446B01"])
def test_a_vat_number_with_letters_is_checked_too(number: str) -> None:
    assert list(tax_id_problems(number)) == [bad_vat(number[:2], number)]


# A supplier


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        pytest.param({}, [], id="nothing is wrong"),
        pytest.param({"bank_account": None}, [], id="a supplier may have no account yet"),
        ({"name": " \t"}, [Problem(Code.MISSING_FIELD, "name", "a name", "nothing")]),
        pytest.param(
            {"name": "", "tax_id": "DE1", "bank_account": account("", "", "1")},
            [
                Problem(Code.MISSING_FIELD, "name", "a name", "nothing"),
                bad_vat("DE", "DE1", "wrong form"),
                incomplete(),
            ],
            id="all that is wrong is told at once",
        ),
    ],
)
def test_what_keeps_a_supplier_from_being_used(changes: dict[str, object], problems: list[Problem]) -> None:
    assert list(supplier_problems(replace(SUPPLIER, **changes))) == problems
