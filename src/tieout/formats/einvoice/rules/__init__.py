"""The business rules of EN 16931-1 that finance needs, on the semantic model, each by the id of the standard.

Arithmetic is a claim: a document that breaks it disagrees with itself and is not acted on. Form is a note: the amounts
stand, and the sender should mend it. How much a sum may be off is what the official Schematron (release 1.3) allows;
where EN 16931 says more than it does, that is said at the rule. For the whole of it, and for the rules of Peppol,
XRechnung and others, the official artefacts can be run: ``tieout rules``.
"""

from tieout.formats.einvoice.rules import categories, form, sums
from tieout.formats.einvoice.rules.categories import bases_of, categories_of, key_of
from tieout.formats.einvoice.rules.rule import Rule, Verdict, Weight, holds
from tieout.formats.einvoice.semantic import SemanticInvoice
from tieout.formats.reading import Findings

__all__ = ["RULES", "Rule", "Verdict", "Weight", "bases_of", "holds", "key_of", "prove", "remark"]

RULES: dict[str, Rule] = {rule.rule_id: rule for rule in (*sums.RULES, *categories.RULES, *form.RULES)}
_SUMS = tuple(rule for rule in RULES.values() if rule.weight is Weight.SUM)
_FORMS = tuple(rule for rule in RULES.values() if rule.weight is Weight.FORM)
#: Sums over lines, which say nothing about a document of a profile without lines.
_OF_LINES = {"BR-CO-10", *(f"{category.prefix}-08" for category in categories.CATEGORIES)}


def prove(invoice: SemanticInvoice, findings: Findings) -> None:
    """Claim every sum that the invoice declares."""
    used = categories_of(invoice)
    unsaid = set() if invoice.lines else _OF_LINES
    if invoice.totals.lines is None:
        unsaid = unsaid | {"BR-CO-10", "BR-CO-13"}
    for rule in _SUMS:
        if (rule.category and rule.category not in used) or rule.rule_id in unsaid:
            continue
        for verdict in rule.check(invoice):
            name = f"{rule.rule_id}: {rule.says}"
            findings.claim(name, verdict.where, verdict.declared, verdict.computed, verdict.holds)


def remark(invoice: SemanticInvoice, findings: Findings) -> None:
    """Note every rule of form that the invoice breaks, at its first place."""
    used = categories_of(invoice)
    for rule in _FORMS:
        if rule.category and rule.category not in used:
            continue
        broken = next((verdict for verdict in rule.check(invoice) if not verdict.holds), None)
        if broken is not None:
            findings.note(
                rule.code,
                broken.where,
                expected=broken.computed,
                actual=broken.declared,
                detail=f"{rule.rule_id}: {rule.says}",
            )
