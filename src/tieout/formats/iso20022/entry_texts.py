"""What an entry (``Ntry``) and a transaction of it (``TxDtls``) say, as texts, wherever their version puts them.

Nothing is judged here, so that :mod:`.recurring` may find out once for a form of entry where each text stands: which
text is taken must depend on what is *there*, never on what it *says*.
"""

from typing import NamedTuple

from tieout.formats.xml import Element, child, children, leaves, text_at

#: The reason of a reversal that gives none.
REVERSAL = "RvslInd"
#: An account: ``IBAN``, or ``Othr`` since version 2; ``BBAN``, ``UPIC`` and ``PrtryAcct`` in version 1.
ACCOUNT_IDS = ("IBAN", "Othr/Id", "BBAN", "UPIC", "PrtryAcct/Id")


class EntryTexts(NamedTuple):
    """``Ntry`` without its transactions."""

    amount: str
    currency: str
    direction: str
    status: str
    is_reversal: str
    booked_on: str
    valued_on: str
    reference: str
    type_code: str
    text: str
    batch: str
    charges: str
    charges_currency: str


class DetailTexts(NamedTuple):
    """``TxDtls``."""

    amount: str
    currency: str
    direction: str
    end_to_end_id: str
    reference: str
    debtor: str
    debtor_account: str
    creditor: str
    creditor_account: str
    remittance: str
    return_reason: str
    type_code: str
    charges: str
    charges_currency: str


Leaves = dict[str, str]


def first(found: Leaves, *paths: str) -> str:
    """The first text that is there."""
    return next((text for path in paths if (text := found.get(path))), "")


def entry_texts(element: Element) -> EntryTexts:
    """``Ntry``. A status is ``<Sts>BOOK</Sts>`` up to version 7, ``<Sts><Cd>BOOK</Cd></Sts>`` since version 8."""
    found = leaves(element)
    return EntryTexts(
        amount=found.get("Amt", ""),
        currency=found.get("Amt@Ccy", ""),
        direction=found.get("CdtDbtInd", ""),
        status=first(found, "Sts/Cd", "Sts/Prtry", "Sts"),
        is_reversal=found.get("RvslInd", ""),
        booked_on=_day(found, "BookgDt"),
        valued_on=_day(found, "ValDt"),
        reference=first(found, "AcctSvcrRef", "NtryRef"),
        type_code=_type_code(found),
        text=found.get("AddtlNtryInf", ""),
        batch=first(found, "NtryDtls/Btch/PmtInfId", "Btch/PmtInfId"),
        charges=first(found, *_CHARGES),
        charges_currency=first(found, *(f"{path}@Ccy" for path in _CHARGES)),
    )


def detail_texts(element: Element) -> DetailTexts:
    """``TxDtls``. Up to version 2 the amount stands only under ``AmtDtls``; the instructed one is the last resort."""
    found = leaves(element)
    amount = next((path for path in _AMOUNTS if found.get(path)), "Amt")
    return DetailTexts(
        amount=found.get(amount, ""),
        currency=found.get(f"{amount}@Ccy", ""),
        direction=found.get("CdtDbtInd", ""),
        end_to_end_id=found.get("Refs/EndToEndId", ""),
        reference=first(found, "Refs/AcctSvcrRef", "Refs/TxId", "Refs/UETR"),
        debtor=_name(found, "Dbtr"),
        debtor_account=account_of(found, "RltdPties/DbtrAcct/Id"),
        creditor=_name(found, "Cdtr"),
        creditor_account=account_of(found, "RltdPties/CdtrAcct/Id"),
        remittance=_remittance(child(element, "RmtInf")) or found.get("AddtlTxInf", ""),
        return_reason=_return_reason(found),
        type_code=_type_code(found),
        charges=first(found, *_CHARGES),
        charges_currency=first(found, *(f"{path}@Ccy" for path in _CHARGES)),
    )


def account_of(found: Leaves, path: str) -> str:
    """The IBAN or, failing that, another number."""
    return first(found, *(f"{path}/{name}" for name in ACCOUNT_IDS))


#: The charges of version 4 and later, and of those before.
_CHARGES = ("Chrgs/TtlChrgsAndTaxAmt", "Chrgs/Rcrd/Amt", "Chrgs/Amt")
_AMOUNTS = ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt")


def _day(found: Leaves, path: str) -> str:
    """A choice of day and moment; an empty one is told apart from none, since somebody meant to give it."""
    return first(found, f"{path}/Dt", f"{path}/DtTm") or ("?" if path in found else "")


def _name(found: Leaves, role: str) -> str:
    """The other side: a party, which stands under ``Pty`` since version 8, or a bank; else the one behind it."""
    places = (f"{role}/Nm", f"{role}/Pty/Nm", f"{role}/Agt/FinInstnId/Nm", f"Ultmt{role}/Nm", f"Ultmt{role}/Pty/Nm")
    return first(found, *(f"RltdPties/{place}" for place in places))


def _type_code(found: Leaves) -> str:
    """``BkTxCd``: the ISO code of three levels, or the bank's own with its issuer."""
    domain = "BkTxCd/Domn/"
    levels = [found.get(domain + path, "") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    if levels[0]:
        return "ISO " + "/".join(level for level in levels if level)
    own = [found.get(f"BkTxCd/Prtry/{path}", "") for path in ("Issr", "Cd")]
    return " ".join(part for part in own if part) if own[1] else ""


def _return_reason(found: Leaves) -> str:
    """``RtrInf``: the money came back, and why (an ISO external code such as ``AC04``)."""
    if "RtrInf" not in found:
        return ""
    paths = ("Rsn/Cd", "Rsn/Prtry", "RtrRsn/Cd", "RtrRsn/Prtry", "AddtlInf", "AddtlRtrRsnInf")
    return first(found, *(f"RtrInf/{path}" for path in paths)) or REVERSAL


def _remittance(information: Element | None) -> str:
    """What the payer wrote: free text, creditor references and invoice numbers, in that order."""
    said = [text_at(part) for part in children(information, "Ustrd")]
    for structured in children(information, "Strd"):
        said.append(text_at(structured, "CdtrRefInf", "Ref") or text_at(structured, "CdtrRefInf", "CdtrRef"))
        said += [
            text_at(document, "Nb") or text_at(document, "RfrdDocNb") for document in children(structured, "RfrdDocInf")
        ]
        said += [text_at(part) for part in children(structured, "AddtlRmtInf")]
    return " ".join(text for text in said if text)
