"""The peer: account statements read by the package ``bankstatementparser``, in both of its ways.

``python -m tieout_bench.peers.statements stream|whole FILE``, in ``.venv-bench``.
"""

# mypy: disable-error-code="import-not-found"

import logging
from pathlib import Path

from bankstatementparser import CamtParser

from tieout_bench.measuring import answer


def stream(path: Path) -> int:
    """Entry by entry."""
    return sum(1 for _ in CamtParser(str(path), lazy=True).parse_streaming())


def whole(path: Path) -> int:
    """The whole document into a table."""
    return len(CamtParser(str(path)).parse())


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    answer({"stream": stream, "whole": whole})
