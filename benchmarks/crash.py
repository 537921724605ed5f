"""What a crash costs: ticket triage on a real worker, struck at random moments while it is at work, and counted.

In turns a strike kills the flow's process or the worker with all it started (`kill -9`), stops the Prefect server for
some seconds, or cuts every connection to the ledger (on SQLite another writer locks it for some seconds). A run that
lives through a strike is struck again; after one that does not the next run begins; the last run is left alone. The
model and the target are processes of their own that count by case. Last line: one JSON object.

`lost`: messages neither delivered nor before a person. `delivered_twice`: outcomes that reached the target under more
than one key; `repeated_posts`: keys that came again, which the target answers with the first receipt. `reviews_twice`:
cases with two open reviews, or reviews with two suspended runs. `extra_calls`: model calls beyond one a case.
`in_flight_at_kills`: what had been asked and was not yet durable, summed over the runs that a strike ended, of which
`unanswered_at_kills` were still with the model. `audit_intact`: every case's chain of events holds. The exit code is 1
when something is lost or doubled.

`--faults` meets three long ones instead, each in the middle of a run: the ledger locked for 30 s, the Prefect server
away for 60 s, and a full disk. It says how the run and the next one ended, and how many calls were made again: no
more than can be under way at once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.crashing.strikes import STRIKES
from benchmarks.loopback.home import own_home

CASES_A_KILL = 90


def main() -> None:
    """Run it and print what was counted."""
    chosen = _arguments()
    with own_home() as home:
        told = faults(home) if chosen.faults else crash(home, chosen)
    print(json.dumps(told))
    sys.exit(not (finished(told) if chosen.faults else sound(told)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5, help="strikes")
    parser.add_argument("--cases", type=int, help=f"messages at least; {CASES_A_KILL} a strike unless given")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--strikes", nargs="+", choices=STRIKES, default=list(STRIKES), help="which, in their turns")
    parser.add_argument("--ledger", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--faults", action="store_true", help="meet long faults instead")
    return parser.parse_args()


def crash(home: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Strike so many times, let the last run finish, and count."""
    from benchmarks.crashing.rounds import Rounds
    from benchmarks.crashing.stand import stand
    from benchmarks.crashing.tally import Tally, verdict

    began = time.monotonic()
    with stand(home, chosen.ledger) as made:
        rounds = Rounds(made, Tally(made), random.Random(chosen.seed))  # noqa: S311 - a course that can be repeated
        wanted = chosen.cases or CASES_A_KILL * (chosen.kills + 1)
        for number, kind in enumerate(itertools.islice(itertools.cycle(chosen.strikes), chosen.kills), start=1):
            rounds.strike(kind, wanted * number // (chosen.kills + 1))
        rounds.finish(wanted)
        told = verdict(made)
        states = rounds.states()
    return {
        "kills": chosen.kills,
        "ledger": chosen.ledger,
        "seed": chosen.seed,
        "strikes": dict(rounds.struck),
        **told,
        "in_flight_at_kills": rounds.tally.in_flight,
        "unanswered_at_kills": rounds.tally.unanswered,
        "runs": states,
        "seconds": round(time.monotonic() - began),
    }


def faults(home: Path) -> dict[str, Any]:
    """Meet each fault in turn on one stand."""
    from benchmarks.crashing.faults import FAULTS, meet, small_disk
    from benchmarks.crashing.stand import stand

    began = time.monotonic()
    told: dict[str, Any] = {}
    with small_disk(home / "disk") as disk, stand(home, "sqlite", ledger_in=disk) as made:
        for fault in FAULTS:
            if fault.name == "disk_full" and disk is None:
                told[fault.name] = "not met: no small file system can be mounted"
                continue
            told[fault.name] = meet(made, fault)
            print(f"{fault.name}: {told[fault.name]}", file=sys.stderr, flush=True)
    return {"faults": told, "seconds": round(time.monotonic() - began)}


def finished(told: dict[str, Any]) -> bool:
    """Tell whether after each fault the next run left nothing behind, and only calls under way were made again."""
    met = [outcome for outcome in told["faults"].values() if isinstance(outcome, dict)]
    return all(one["cases_not_finished"] == 0 and one["extra_calls"] <= one["under_way_at_most"] for one in met)


def sound(told: dict[str, Any]) -> bool:
    """Tell whether nothing was lost or doubled, and nothing paid twice but what was in flight."""
    wrong = ("lost", "delivered_twice", "delivered_unasked", "reviews_twice", "reviews_not_shown", "never_asked")
    cheap = told["extra_calls"] <= told["in_flight_at_kills"]
    return cheap and told["audit_intact"] and not any(told[name] for name in wrong)


if __name__ == "__main__":
    main()
