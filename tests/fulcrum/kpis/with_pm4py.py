"""The same figures by an independent hand: pm4py, in a process of its own, because it is AGPL and prints as it starts.

`python with_pm4py.py FILE` reads the incidents' log and prints one JSON line.
"""

from __future__ import annotations

import json
import sys


def main(file: str) -> None:
    import pandas as pd
    import pm4py

    table = pd.read_csv(file, na_values="?", keep_default_na=False)
    table["timestamp"] = pd.to_datetime(table["timestamp"], format="%d-%m-%Y %H:%M", utc=True)
    log = pm4py.format_dataframe(table, case_id="case_id", activity_key="activity", timestamp_key="timestamp")
    log["org:resource"] = log["resource"]
    durations = sorted(pm4py.get_all_case_durations(log))
    handovers = pm4py.algo.organizational_mining.sna.algorithm.apply(
        log, variant=pm4py.algo.organizational_mining.sna.algorithm.Variants.HANDOVER_PANDAS
    )
    rework = pm4py.get_rework_cases_per_activity(log)
    told = {
        "cases": log["case:concept:name"].nunique(),
        "events": len(log),
        "durations": durations,
        "rework": {str(name): int(count) for name, count in rework.items()},
        # What it gives is a share of all pairs of events that follow each other in a case.
        "handovers": (len(log) - log["case:concept:name"].nunique())
        * sum(value for (one, other), value in handovers.connections.items() if one != other),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
