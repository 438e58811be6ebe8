"""What an invoice that does not agree with its orders is held for, and what the ERP allows to be done about that.

A hold blocks the payment of an invoice and not its existence, and has two flags of its own: whether the invoice may be
booked all the same, and whether a person may release the hold by hand (Oracle Payables User's Guide 12.1, E18727,
Oracle Payables Holds: *Accounting Allowed*, *Manual Release Allowed*). SAP posts such an invoice with payment block R.
"""

from collections import Counter
from collections.abc import Iterator

from tieout.kernel.problem import Code
from tieout.matching.plan import CODES
from tieout.model.verdict import Verdict
from tieout.policy.dialect import Dialect


def holds_of(verdict: Verdict, dialect: Dialect) -> tuple[str, ...]:
    """What holds the invoice, each once: by the ERP's names, and where it has none by that of the check or finding."""
    checks = (check.hold or _worded(check.rule) for check in verdict.checks if not check.passed)
    findings = (dialect.findings.get(code) or _worded(code.value) for code in _findings(verdict))
    return tuple(dict.fromkeys((*checks, *findings)))


def postable(verdict: Verdict, dialect: Dialect) -> bool:
    """Whether it may be booked all the same: everything that failed is a variance, a check against a limit, and no hold
    of it forbids accounting. A finding without a limit (another currency, a closed line) only where the dialect lists
    its hold and allows it."""
    variances = (check.hold for check in verdict.checks if not check.passed)
    return all(dialect.hold(hold).accounting_allowed for hold in variances) and all(
        _is_listed(dialect, dialect.findings.get(code, "")) for code in _findings(verdict)
    )


def barred(holds: tuple[str, ...], dialect: Dialect) -> tuple[str, ...]:
    """Those of the holds that nobody may release by hand."""
    return tuple(name for name in holds if not dialect.hold(name).release_allowed)


def _findings(verdict: Verdict) -> Iterator[Code]:
    """The codes of what is wrong without being outside a limit."""
    checked = Counter(CODES[check.rule] for check in verdict.checks if not check.passed)
    yield from Counter(problem.code for problem in verdict.problems) - checked


def _is_listed(dialect: Dialect, hold: str) -> bool:
    return hold in dialect.holds and dialect.hold(hold).accounting_allowed


def _worded(name: str) -> str:
    return name.replace("_", " ")
