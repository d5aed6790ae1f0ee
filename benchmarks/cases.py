"""What is timed: each case is set up, does its work in a process of its own and prints its result's digest."""

import importlib
import json
import sys
import time

from benchmarks.places import Work

ENOUGH_SECONDS = 10  # after which a case is not repeated


def work_of(case: str, size: str) -> Work:
    """Set a case up.

    Args:
        case: a function of a module of this package, such as `by_sql.ratio`; with what is kept from before for
            our own measures, such as `ours.next_month.ratio`.
        size: million loan-months.
    """
    module, name, *measure = case.split(".")
    function = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    work: Work = function(*measure, size)
    return work


def main(case: str, size: str, repeats: str) -> None:
    """Set a case up, do its work up to `repeats` times, print the seconds of each part as JSON."""
    start = time.perf_counter()
    work = work_of(case, size)
    ready, seconds, cpu, result = time.perf_counter(), [], [], ""
    for _ in range(int(repeats)):
        begun, used = time.perf_counter(), time.process_time()
        result = work()
        seconds.append(round(time.perf_counter() - begun, 4))
        cpu.append(round(time.process_time() - used, 4))
        if sum(seconds) > ENOUGH_SECONDS:
            break
    print(json.dumps({"start_s": round(ready - start, 2), "work_s": seconds, "work_cpu_s": cpu, "result": result}))


if __name__ == "__main__":
    main(*sys.argv[1:])
