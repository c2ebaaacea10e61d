"""100,000 strings × 100 temperatures through `cloudkit predict`: rate, and memory compared with that of 10,000 strings.

    PYTHONPATH=benchmarks python benchmarks/studies/predict_rate.py [--strings 100000]

The strings are the built-in minerals with other elements, so that no two are equal; Parquet output. Peak memory is that of the process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cloudkit.tables
from cloudkit.data import read_builtin

RESULT = Path(__file__).parents[1] / "results" / "predict_rate.txt"
ELEMENTS = [element.symbol for element in cloudkit.tables.ELEMENTS[:83]]


def strings(count: int) -> list[str]:
    """Different valid strings: the minerals with each element replaced by the one so many places later in the periodic table."""
    texts = read_builtin("minerals").text("scope")
    found = dict.fromkeys(texts)
    for shift in range(1, len(ELEMENTS)):
        later = dict(zip(ELEMENTS, ELEMENTS[shift:] + ELEMENTS[:shift], strict=True))
        for text in texts:
            head, bar, tail = text.partition("|")
            found[head + bar + " ".join(later.get(word, word) for word in tail.split(" "))] = None
        if len(found) >= count:
            break
    return list(found)[:count]


def run(folder: Path, texts: list[str]) -> tuple[float, float, float]:
    """Seconds of wall and CPU time, and the largest resident memory in MiB, of one command."""
    (folder / "strings.csv").write_text("scope\n" + "\n".join(texts) + "\n")
    command = [
        sys.executable, "-c", "from cloudkit.cli import main; main()", "predict", "thermal", str(folder / "strings.csv"),
        "-t", "10:1000:10", "-o", str(folder / "out.parquet"), "--failures", str(folder / "failed.jsonl"),
    ]  # fmt: skip
    begun = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1)
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strings", type=int, default=100_000)
    texts = strings(parser.parse_args().strings)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for part in (texts[: len(texts) // 10], texts):
            wall, cpu, memory = run(Path(folder), part)
            lines.append(
                f"{len(part):,} strings x 100 T: {cpu:.0f} s CPU ({wall:.0f} s wall), {len(part) / cpu:,.0f} strings and "
                f"{400 * len(part) / cpu:,.0f} values a second, at most {memory:,.0f} MiB"
            )
    text = "one thread, bands included, load " + f"{os.getloadavg()[0]:.1f}\n" + "\n".join(lines) + "\n"
    RESULT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
