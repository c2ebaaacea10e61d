"""The road from structures to ids, killed on the way: nothing lost, nothing twice, the same bytes (`make corpus-check`).

    python benchmarks/corpus_check.py N [--folder runs/corpus-N] [--kills 10] [--seed 0] [--jobs 2] [--sample K] [--seconds S]

Makes N structures (corpus_structures.py) as Parquet, then runs `cloudkit encode`, `audit --dedupe` and `tokenize` as a user
does, with SIGKILL at random moments until the kills are used up: most in the longest stage, and each stage at least twice.
Then runs all of it again without kills and compares every file by its hash. With --sample K (for a large N) only K shards,
drawn at random, are made again. Resident memory is that of the command and all below it, sampled every 0.1 s.
--seconds: end after so long with exit code 75 (the command under way is killed, which counts); the same command goes on.
Prints a log; exits with 1 if a count, a hash or the limit of memory is off.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from corpus_structures import write
from memory import resident_bytes

from cloudkit.corpus.encode import make_shard
from cloudkit.corpus.units import find_units
from cloudkit.encoding import EncodeOptions
from cloudkit.io import Manifest, file_hash

MEMORY = 1e9  # bytes
AGAIN = 75  # exit code: not finished, run the same command again
SHARE = {"encode": 0.6, "dedupe": 0.2, "tokenize": 0.2}  # of the kills


class Check:
    """One folder of the check. state: what is known so far, kept in check.json."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, options.folder or Path(f"runs/corpus-{options.count}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "check.json"
        self.state = json.loads(self.path.read_text()) if self.path.exists() else {"done": [], "log": []}
        self.state.setdefault("memory", {})
        self.state.setdefault("kills", {})
        self.end = time.monotonic() + (options.seconds or 1e9)
        self.draw = random.Random(options.seed + sum(self.state["kills"].values()))

    def say(self, text: str) -> None:
        self.state["log"].append(text)
        print(text, flush=True)
        self.save()

    def save(self) -> None:
        self.path.write_text(json.dumps(self.state, indent=1))

    def commands(self, run: str) -> dict[str, list[str]]:
        at = self.folder / run
        at.mkdir(exist_ok=True)
        strings, unique, ids = (str(at / name) for name in ("strings", "unique.parquet", "ids.npy"))
        jobs = ["--jobs", str(self.options.jobs), "--shard-size", str(shard_size(self.options.count))]
        return {
            "encode": ["encode", str(self.folder / "structures"), "-o", strings, *jobs],
            "dedupe": ["audit", strings, "--dedupe", unique],
            "tokenize": ["tokenize", "--file", unique, "-o", ids],
        }

    def structures(self) -> None:
        if "structures" not in self.state["done"]:
            shutil.rmtree(self.folder / "structures", ignore_errors=True)
            write(self.folder / "structures", self.options.count, self.options.seed)
            self.state["done"].append("structures")
            self.say(f"{self.options.count:,} structures made, seed {self.options.seed}")

    def run(self, run: str, stage: str, kills: int, expected: float) -> float:
        """Bring one stage to its end, killed `kills` times before; seconds of the last attempt."""
        name = f"{run} {stage}"
        if name in self.state["done"]:
            return 0.0
        while True:
            left = kills - self.state["kills"].get(name, 0)
            patience = (
                self.draw.uniform(0.2, expected * self.share_left(run, stage)) if left > 0 else float("inf")
            )
            code, seconds = self.attempt(name, self.commands(run)[stage], patience)
            if code in (0, 1):  # 1: done, some structures have failed
                if left > 0 and not (self.options.seconds and stage == "encode"):
                    # it was faster than the moment drawn: forget what it made, and draw again
                    expected = seconds
                    self.forget(run, stage)
                    continue
                self.state["done"].append(name)
                self.save()
                return seconds
            if code != -signal.SIGKILL:
                sys.exit(f"{name} ended with {code}")
            self.state["kills"][name] = self.state["kills"].get(name, 0) + 1
            self.say(f"{name}: killed after {seconds:.1f} s{self.progress(run)}")
            if time.monotonic() > self.end:
                sys.exit(AGAIN)

    def forget(self, run: str, stage: str) -> None:
        at = self.folder / run
        if stage == "encode":
            shutil.rmtree(at / "strings")
        elif stage == "dedupe":
            (at / "unique.parquet").unlink()

    def attempt(self, name: str, arguments: list[str], patience: float) -> tuple[int, float]:
        """One command, killed after `patience` seconds or when the time is over; its exit code and how long it ran."""
        code = "from cloudkit.cli import main; main()"
        start, most = time.monotonic(), self.state["memory"].get(name, 0)
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None:
            most = max(most, resident_bytes(process.pid))
            if time.monotonic() - start > patience or time.monotonic() > self.end:
                process.kill()
            time.sleep(0.1)
        said = process.stderr.read()
        if process.returncode not in (0, 1, -signal.SIGKILL):
            print(said, file=sys.stderr)
        self.state["memory"][name] = most
        return process.returncode, time.monotonic() - start

    def shards(self, run: str) -> int:
        """Finished shards."""
        manifest = self.folder / run / "strings" / "manifest.json"
        return len(json.loads(manifest.read_text())["shards"]) if manifest.exists() else 0

    def share_left(self, run: str, stage: str) -> float:
        """Of the work of a stage, so that a kill falls into what there is still to do."""
        whole = self.options.count / shard_size(self.options.count)
        return max(0.02, 1 - self.shards(run) / whole) if stage == "encode" else 1.0

    def progress(self, run: str) -> str:
        return f", {self.shards(run)} shards finished"

    def counts(self, run: str) -> dict[str, int]:
        """Counts of every stage; what does not add up ends the check."""
        at = self.folder / run
        manifest = Manifest.load(at / "strings")
        found = manifest.counts
        rows = [pq.read_metadata(path).num_rows for path in manifest.paths]
        unique = pq.read_table(at / "unique.parquet", columns=["copies"])["copies"].to_numpy()
        offsets = np.load(at / "ids.npy".replace(".npy", ".offsets.npy"), mmap_mode="r")
        ids = np.load(at / "ids.npy", mmap_mode="r")
        checks = {
            "structures given = N": found["given"] == self.options.count,
            "given = encoded + failed": found["given"] == found["rows"] + found["failed"],
            "one in 1,000 failed": found["failed"] == len(range(500, self.options.count, 1000)),
            "rows of the shards = encoded": sum(rows) == found["rows"],
            "copies add up to the strings": int(unique.sum()) == found["rows"],
            "one row of ids for each distinct string": len(offsets) == len(unique) + 1,
            "offsets end with the number of ids": int(offsets[-1]) == len(ids),
        }
        for text, holds in checks.items():
            if not holds:
                sys.exit(
                    f"{run}: not so: {text} ({found}, {len(unique)} distinct, {len(offsets) - 1} rows of ids)"
                )
        return {"encoded": found["rows"], "failed": found["failed"], "distinct": len(unique), "ids": len(ids)}


def shard_size(count: int) -> int:
    """At least ten shards, so that a kill finds some finished."""
    return min(10_000, max(100, count // 10))


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): file_hash(p)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


def same_sample(check: Check, count: int) -> int:
    """Make some shards of the killed run again, elsewhere; how many have the same bytes."""
    kept, again = check.folder / "killed" / "strings", check.folder / "again"
    again.mkdir(exist_ok=True)
    units = check.draw.sample(
        list(find_units([check.folder / "structures"], shard_size(check.options.count))), count
    )
    return sum(
        make_shard(unit, again, EncodeOptions()).sha256 == file_hash(kept / f"{unit.key}.parquet")
        for unit in units
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    folder = options.folder or Path(f"runs/corpus-{options.count}")
    if options.seconds is None:
        shutil.rmtree(folder, ignore_errors=True)
    check = Check(options)
    check.structures()
    spent = {
        "encode": options.count / 1000,
        "dedupe": options.count / 10_000,
        "tokenize": options.count / 60_000,
    }
    if options.sample is None:
        spent = {stage: check.run("unbroken", stage, 0, 0.0) for stage in SHARE}
    for stage, share in SHARE.items():
        check.run("killed", stage, round(share * options.kills), spent[stage] or 1.0)
    counts = check.counts("killed")
    check.say(", ".join(f"{value:,} {name}" for name, value in counts.items()) + ": all counts add up")
    if options.sample is None:
        killed, unbroken = hashes(check.folder / "killed"), hashes(check.folder / "unbroken")
        same = killed == unbroken
        check.say(
            f"{len(killed)} files of the killed run and of the unbroken one: {'the same bytes' if same else 'THEY DIFFER'}"
        )
    else:
        equal = same_sample(check, options.sample)
        same = equal == options.sample
        check.say(
            f"{options.sample} shards drawn at random and made again without a kill: {equal} have the same bytes"
        )
    kills, most = sum(check.state["kills"].values()), max(check.state["memory"].values())
    check.say(
        f"{kills} kills; resident memory at most {most / 1e6:.0f} MB ("
        + ", ".join(f"{name} {value / 1e6:.0f}" for name, value in check.state["memory"].items())
        + f"); jobs {options.jobs}, load {os.getloadavg()[0]:.1f}"
    )
    sys.exit(0 if same and most < MEMORY and kills >= options.kills else 1)


if __name__ == "__main__":
    main()
