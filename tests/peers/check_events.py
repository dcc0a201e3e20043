"""Reads a run's TensorBoard events with TensorBoard's own reader and compares them with the run's table of metrics.

usage: check_events.py RUN
"""

import csv
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

COLUMNS = {
    "loss/training": "train_loss",
    "loss/validation": "validation_loss",
    "auc/image": "image_auc",
    "auc/breast": "breast_auc",
    "optimiser/rate": "rate",
    "speed/waited_seconds": "waited_s",
}


def main() -> None:
    run = pathlib.Path(sys.argv[1])
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    assert rows, "the run has no epoch"
    for tag, column in COLUMNS.items():
        expected = {int(row["epoch"]): float(row[column]) for row in rows if row[column]}
        found = {event.step: event.value for event in events.Scalars(tag)} if expected else {}
        assert found.keys() == expected.keys(), (tag, found, expected)
        for epoch, value in expected.items():
            assert abs(found[epoch] - value) <= 1e-6 * max(1, abs(value)), (tag, epoch, found[epoch], value)
    print(f"{len(rows)} epochs in TensorBoard as in the table")


if __name__ == "__main__":
    main()
