"""One of several worker processes of the benchmark: ``python -m tieout_bench.worker URL NUMBER OF``.

It says ``ready``, works until its standard input is closed and nothing is left to do, and says when it was done.
"""

import sys
import threading
import time

from tieout_bench.loop import PARTITIONS, Loop
from tieout_bench.stores import opened


def main() -> None:
    """Work on every so-manieth partition and lane."""
    url, number, of = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    loop = Loop(
        opened(url), owner=f"bench-{number}", partitions=[one for one in range(PARTITIONS) if one % of == number]
    )
    loop.only_lanes(lambda lane: {"erp": 0, "ap": 1}.get(lane, 0) % of == number)
    told = threading.Event()
    threading.Thread(target=_wait_for_end, args=(told,), daemon=True).start()
    print("ready", flush=True)
    done_at = time.perf_counter()
    idle = 0
    while idle < 20:
        if loop.step():
            done_at, idle = time.perf_counter(), 0
        else:
            idle += told.is_set() and loop.drained()
            time.sleep(0.005)
    print(done_at, flush=True)


def _wait_for_end(told: threading.Event) -> None:
    sys.stdin.read()
    told.set()


main()
