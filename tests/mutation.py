"""How many of the deliberate faults in ``matching/`` and ``policy/`` the tests notice: run by ``make mutate``.

Reads what mutmut found and prints the share of killed mutants, module by module; ends with 1 when it is below the bar.
"""

import json
import sys
from collections import Counter
from pathlib import Path

BAR = 0.85
_FOUND = Path("mutants")
#: How mutmut codes the end of the tests under a mutant: 0, they passed (nothing noticed); 33, no test ran it.
_SURVIVED = {0: "survived", 33: "no test", None: "not run"}


def main() -> int:
    """Print the table and say whether the bar is met."""
    ends = {str(path.relative_to(_FOUND)): _ends(path) for path in sorted(_FOUND.rglob("*.meta"))}
    print(f"{'killed':>8} {'of':>6} {'share':>7}  module")
    for name, counts in sorted(ends.items(), key=lambda item: _share(item[1])):
        if counts.total():
            print(f"{counts['killed']:8,} {counts.total():6,} {_share(counts):7.1%}  {name.removesuffix('.py.meta')}")
    whole = sum(ends.values(), Counter())
    if not whole:
        print("no mutant was made; `make mutate` makes them", file=sys.stderr)
        return 1
    print(f"{whole['killed']:8,} {whole.total():6,} {_share(whole):7.1%}  all (at least {BAR:.0%} is asked)")
    return 0 if _share(whole) >= BAR else 1


def _ends(path: Path) -> "Counter[str]":
    codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].values()
    return Counter(_SURVIVED.get(code, "killed") for code in codes)


def _share(counts: "Counter[str]") -> float:
    return counts["killed"] / counts.total() if counts.total() else 1.0


if __name__ == "__main__":
    sys.exit(main())
