"""``python -m benchmarks [--quick] [--only NAME]``: see README.md."""

import argparse
import signal
import sys
from pathlib import Path

from benchmarks import machine, report
from benchmarks.report import Run
from benchmarks.rows import all_rows
from benchmarks.runner import measure
from benchmarks.shapes import Row
from benchmarks.stage import QUICK, Plan, Stage

HERE = Path(__file__).resolve().parent
SCRATCH = HERE / "scratch"
RESULTS = HERE / "results.md"


def main() -> int:
    options = _options()
    plan = QUICK if options.quick else Plan()
    rows = _chosen(all_rows(plan), options.only)
    options.dir.mkdir(parents=True, exist_ok=True)
    SCRATCH.mkdir(exist_ok=True)
    # Every way out passes the clean-up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    run = Run(machine.describe(options.dir), plan, " ".join(["python -m benchmarks", *sys.argv[1:]]))
    try:
        with Stage(plan, options.dir, run.create_rates, with_stowage=not options.peers) as stage:
            run.results.extend(measure(row, stage) for row in rows)
    except KeyboardInterrupt:
        print("interrupted: what was measured so far follows", file=sys.stderr)
    whole = not (options.quick or options.only or options.peers) and len(run.results) == len(rows)
    _write(run, RESULTS if whole else SCRATCH / "results.md")
    return 1 if any(result.errors for result in run.results) else 0


def _write(run: Run, results: Path) -> None:
    text = report.markdown(run)
    results.write_text(text)
    (SCRATCH / "raw.json").write_text(report.raw(run))
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Stowage beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, smaller files")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="rows whose names begin so")
    parser.add_argument("--peers", action="store_true", help="the peers and the limit alone, without Stowage")
    parser.add_argument("--dir", type=Path, default=SCRATCH, help="where the servers keep their files, on a disk")
    return parser.parse_args()


def _chosen(rows: list[Row], only: list[str]) -> list[Row]:
    chosen = [row for row in rows if not only or row.name.startswith(tuple(only))]
    if not chosen:
        raise SystemExit("no such row; there are: " + ", ".join(row.name for row in rows))
    return chosen


if __name__ == "__main__":
    sys.exit(main())
