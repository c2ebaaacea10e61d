"""The soak: random commands, killed at random moments, on good and damaged input, with mutants and fuzzers between. `make soak SECONDS=3600`.

A round has a seed, and `python -m tests.soak --seed S --rounds 1` repeats it:

  commands   of a random verb, each in a folder of its own. It ends with 0, 1 or 2 and no traceback, within its time. A third gets
             SIGINT at a random moment: it ends with 130, or by the signal while Python itself ends, or had ended, and leaves no
             draft. A third gets SIGKILL: whatever table is there is whole, and the same command, given again, leaves what an
             undisturbed one left.
  strings    mutants, read by core, twin, grammar and schema (tests/laws/mutants.py)
  specs      mutants of the presets: each is refused with its mistakes, or loads and prints as a spec that loads to the same
  fuzz       one target of tests/native/fuzz.py after the other, where clang is installed

Every failure is printed with its seed; the counts go to `--summary`. Exits with 1 if there was a failure.
"""

import argparse
import gzip
import os
import platform
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cloudkit.errors import CloudkitError, SpecError
from cloudkit.modelspec import dump, parse_spec, presets, template

from .laws import mutants
from .native import fuzz

ROOT = Path(__file__).resolve().parents[1]

CRYSTALS = ROOT / "docs/examples/crystals"
START = "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cloudkit.cli import main; open(os.environ['SOAK_READY'], 'w').close(); main()"
PATIENCE = 300.0  # seconds that a command may take
COMMANDS, STRINGS, SPECS, FUZZ_SECONDS = 12, 1_000, 60, 10  # of a round
TINY = "--set tasks.0.epochs=2 --set encoder.width=16"
DRAFTS = ("*.tmp", "*.draft", "*.part")
SPEC_WORDS = ("null", "-1", "1e999", ".nan", "[]", "{}", "''", "&a", "*a", "!!python/name:os.system", "<<", "? ", "- - -", "\t", "é", "9" * 400)  # fmt: skip


class Soak:
    """Counts and failures of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.counts, self.failures = folder, Counter[str](), 0

    def fail(self, seed: int, what: str) -> None:
        self.failures += 1
        print(f"FAILURE, repeat with: python -m tests.soak --seed {seed} --rounds 1\n{what}\n", flush=True)

    def commands(self, seed: int, draw: random.Random) -> None:
        for number in range(COMMANDS):
            folder = self.folder / f"{seed}-{number}"
            folder.mkdir()
            inputs = make_inputs(folder, draw)
            command = make_command(draw, inputs)
            verb = command.split()[0]
            self.counts[f"{verb}: commands"] += 1
            fault = self.one(draw, folder, command, verb)
            if fault:
                self.fail(seed, f"cloudkit {command}\n{fault}")
            shutil.rmtree(folder)

    def one(self, draw: random.Random, folder: Path, command: str, verb: str) -> str:
        """What is wrong with a command, undisturbed or disturbed; empty if nothing."""
        kind = draw.choice(["undisturbed", "SIGINT", "SIGKILL"])
        if kind == "undisturbed":
            code, said, _ = run(folder, command)
            self.counts[f"{verb}: exit code {code}"] += 1
            return fault_of(code, said) or leftovers(folder)
        calm = folder.with_name(folder.name + "-calm")
        shutil.copytree(folder, calm)
        try:
            code, said, seconds = run(calm, command)
            after = draw.uniform(0, max(seconds, 0.05))
            killed, last, _ = run(folder, command, getattr(signal, kind), after)
            if killed not in (0, 1, 2):
                self.counts[f"{verb}: ended by {kind}"] += 1
            if kind == "SIGINT":
                wrong = (
                    ""
                    if killed in (code, 130, -signal.SIGINT)
                    else f"SIGINT after {after:.2f} s: exit code {killed}\n{last}"
                )
                return fault_of(code, said) or wrong or fault_of(0, last) or leftovers(folder)
            if code == 2 or verb == "new" or killed == code:
                return fault_of(code, said)
            torn = differences(calm, folder, only_there=True)
            again, last, _ = run(folder, command)
            wrong = torn and f"after SIGKILL at {after:.2f} s: {torn}"
            wrong = wrong or (again != code and f"given again: exit code {again}, not {code}\n{last}")
            return fault_of(code, said) or wrong or differences(calm, folder, only_there=False)
        finally:
            shutil.rmtree(calm)

    def strings(self, seed: int, readers: mutants.Readers) -> None:
        found, codes = mutants.run(STRINGS, seed, readers)
        self.counts["strings: mutants"] += STRINGS
        self.counts["strings: mutants that are valid"] += codes["valid"]
        for difference in found:
            self.fail(seed, difference)

    def specs(self, seed: int, draw: random.Random) -> None:
        for _ in range(SPECS):
            text = mutate_spec(draw, template(draw.choice(list(presets()))))
            self.counts["specs: mutants"] += 1
            begun = time.monotonic()
            try:
                spec = parse_spec(text, "spec.yaml", self.folder)
                if parse_spec(dump(spec), "dump.yaml", self.folder) != spec:
                    self.fail(seed, f"a spec and its dump differ:\n{text}")
                self.counts["specs: mutants that load"] += 1
            except (SpecError, CloudkitError) as error:
                if not str(error).strip():
                    self.fail(seed, f"refused without a word:\n{text}")
            except Exception as error:
                self.fail(seed, f"{error!r} from the spec\n{text}")
            if time.monotonic() - begun > 20:
                self.fail(seed, f"{time.monotonic() - begun:.0f} s for the spec\n{text}")

    def fuzz(self, seed: int, target: str) -> None:
        outcome = fuzz.fuzz(target, FUZZ_SECONDS)
        self.counts[f"fuzz: {target} executions"] += outcome.executions
        if outcome.finding:
            self.fail(seed, f"fuzz target {target}, input in {fuzz.BUILD / 'findings'}:\n{outcome.finding}")

    def table(self, what: str, fuzzed: bool) -> str:
        """The counts until now."""
        head = f"{date.today()}, {platform.machine()}, Python {platform.python_version()}, {what}\n"
        lines = [f"{name:<42}{count:>13,}\n" for name, count in sorted(self.counts.items())]
        lines += [] if fuzzed else ["fuzz targets: skipped, clang is not installed\n"]
        return head + "".join(lines) + f"{'failures':<42}{self.failures:>13,}\n"


def run(folder: Path, command: str, stop: int | None = None, after: float = 0.0) -> tuple[int, str, float]:
    """Exit code, all that was said, and seconds since main began; `stop` is sent `after` seconds after that."""
    ready = folder / ".ready"
    ready.unlink(missing_ok=True)
    environment = os.environ | {"SOAK_READY": str(ready), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *shlex.split(command)], cwd=folder, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    while not ready.exists() and process.poll() is None:
        time.sleep(0.005)
    begun = time.monotonic()
    try:
        try:
            said, _ = process.communicate(timeout=PATIENCE if stop is None else after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL if stop is None else stop)
            said, _ = process.communicate(timeout=60)
            said += "\nit did not end by itself" if stop is None else ""
    finally:
        ready.unlink(missing_ok=True)
    return process.returncode, said, time.monotonic() - begun


def fault_of(code: int, said: str) -> str:
    """What is wrong with an answer."""
    return "" if code in (0, 1, 2) and "Traceback" not in said else f"exit code {code}\n{said[-3000:]}"


def leftovers(folder: Path) -> str:
    """Drafts that nothing will go on from; unfinished stages of a build are gone on with."""
    drafts = [path.name for pattern in DRAFTS for path in folder.rglob(pattern) if "stages" not in path.parts]
    return f"left behind: {', '.join(drafts)}" if drafts else ""


def contents(folder: Path) -> dict[str, bytes]:
    """Results that must be the same whenever the command comes to its end; reports and cards hold times."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if (
            path.is_file()
            and not any(part.startswith(".") for part in name.parts)
            and path.suffix != ".draft"
        ):
            result = len(name.parts) == 3 and path.name in (
                "predictions.csv",
                "model.safetensors",
                "spec.yaml",
            )
            if "runs" not in name.parts or result:
                found[str(name)] = path.read_bytes()
    return found


def differences(calm: Path, folder: Path, only_there: bool) -> str:
    """Files that are not what the undisturbed command left; only_there: missing ones, and lists of what is done, are well."""
    wanted, found = contents(calm), contents(folder)
    if only_there:
        wanted = {
            name: data
            for name, data in wanted.items()
            if name in found and "manifest" not in name and "runs/" not in name
        }
        found = {name: data for name, data in found.items() if name in wanted}
    names = [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)]
    return f"not as an undisturbed command leaves it: {', '.join(sorted(names))}" if names else ""


def damage(draw: random.Random, data: bytes) -> bytes:
    """Cut, flip, repeat or exchange some bytes."""
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0:
                data = data[:at]
            case 1:
                data = (
                    data[:at] + bytes(draw.randrange(256) for _ in range(draw.randint(1, 4))) + data[at + 1 :]
                )
            case 2:
                data = data[:at] + data[at : at + 40] * draw.randint(2, 20) + data[at:]
            case 3:
                data = data.replace(
                    draw.choice([b"1", b".", b"_", b" "]), draw.choice([b"9", b"", b"\0", b"nan"]), 3
                )
            case 4:
                data = data.replace(b"\n", draw.choice([b"\r\n", b"\r", b""]), draw.randint(1, 5))
    return data


def make_inputs(folder: Path, draw: random.Random) -> dict[str, str]:
    """Structures, some damaged, and a table of strings, some of them mutants; names to type."""
    crystals = folder / "crystals é"
    crystals.mkdir()
    files = sorted(CRYSTALS.glob("*.cif"))
    for number in range(draw.randint(3, 40)):
        data = draw.choice(files).read_bytes()
        data = damage(draw, data) if draw.random() < 0.3 else data
        packed = draw.random() < 0.2
        (crystals / f"{number}.cif{'.gz' if packed else ''}").write_bytes(
            gzip.compress(data) if packed else data
        )
    texts = [text for text in SOURCES if "\n" not in text and "\r" not in text and '"' not in text]
    rows = [draw.choice(texts) for _ in range(draw.randint(1, 200))]
    (folder / "strings.txt").write_text("\n".join(rows) + "\n", "utf-8", "surrogatepass")
    quoted = "".join(f'{i},"{row}",{draw.uniform(0, 25):.3f}\n' for i, row in enumerate(rows))
    table = f"id,scope,heat_capacity\n{quoted}".encode("utf-8", "surrogatepass")
    (folder / "strings.csv").write_bytes(damage(draw, table) if draw.random() < 0.2 else table)
    (folder / "good.csv").write_text(
        "id,scope\n" + "".join(f"{i},{GOOD[i % len(GOOD)]}\n" for i in range(draw.randint(1, 300)))
    )
    return {
        "C": "'crystals é'",
        "one": f"'crystals é/{draw.choice(sorted(p.name for p in crystals.iterdir()))}'",
    }


def make_command(draw: random.Random, names: dict[str, str]) -> str:
    """A command line, some of it nonsense."""
    crystals, one = names["C"], names["one"]
    table = draw.choice(["strings.csv", "strings.txt", "good.csv"])
    out = draw.choice(["-o out.csv", "-o out.jsonl", "-o out.parquet", ""])
    elements = ",".join(draw.sample(["Sr", "Ba", "Ti", "Zr", "O", "S", "Ca", "Fe", "Xx"], draw.randint(2, 7)))
    choices = [
        (
            f"encode {crystals} {out} --dialect {draw.choice(['orbit', 'reduced', 'full'])} --failures bad.jsonl",
            4,
        ),
        (f"encode {crystals} -o shards --shard-size {draw.randint(1, 20)} --jobs {draw.choice([1, 2])}", 4),
        (f"encode {crystals} {one} -o out.csv --jobs 2 --order input", 2),
        (f"explain {one}", 1),
        (f"validate --file {table} {draw.choice(['', '--json', '--deep'])}", 2),
        (f"decode --file {table} {draw.choice(['', '--json'])}", 1),
        (f"convert --to {draw.choice(['orbit', 'reduced', 'full', 'aflow'])} --file {table} --top 2", 1),
        (
            f"tokenize --file {table} --vocab {draw.choice(['compact', 'cloud'])} {draw.choice(['', '-o ids.npy'])}",
            2,
        ),
        (f"audit {table} -o page.html --dedupe unique.csv", 2),
        (f"enumerate perovskite -e {elements} {out}", 1),
        (
            f"predict thermal {draw.choice([crystals, 'good.csv', table])} -t {draw.choice(['300', '0:600:50', '-1', '0:9'])} {out}",
            3,
        ),
        ("predict thermal good.csv --top 3 -o out.csv --page top.html", 1),
        (f"new spec.yaml --preset {draw.choice(['thermal', 'property', 'no-such'])}", 1),
        (f"schema {draw.choice(['model', 'scope', 'nothing'])}", 1),
        (f"build thermal {TINY} --out runs/a", 1),
        ("evaluate thermal thermal:test", 1),
        ("doctor", 1),
    ]
    return draw.choices([c for c, _ in choices], [w for _, w in choices])[0]


def mutate_spec(draw: random.Random, text: str) -> str:
    """Lines exchanged, repeated, indented or removed, and values replaced, one to four times."""
    for _ in range(draw.randint(1, 4)):
        lines = text.split("\n")
        first, second = draw.randrange(len(lines)), draw.randrange(len(lines))
        match draw.randrange(7):
            case 0:
                del lines[first]
            case 1:
                lines.insert(second, lines[first])
            case 2:
                lines[first] = " " * draw.randint(1, 3) + lines[first]
            case 3:
                key, colon, _ = lines[first].partition(": ")
                lines[first] = f"{key}{colon}{draw.choice(SPEC_WORDS)}"
            case 4:
                lines[first] = damage(draw, lines[first].encode()).decode("utf-8", "replace")
            case 5:
                lines[first], lines[second] = lines[second], lines[first]
            case 6:
                lines[first:second] = []
        text = "\n".join(lines)
    return text


SOURCES = mutants.sources()
GOOD = [
    "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | Na 4a Cl 4b",
    "1 3 b O O O g D D D c D D D 0 | Ti 2a O 4f",
]


def rounds(first: int, count: int | None, seconds: float) -> Iterator[int]:
    """Seeds of rounds until their number or the time is up."""
    end, seed = time.monotonic() + seconds, first
    while (seed - first < count) if count else (time.monotonic() < end):
        yield seed
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seconds", type=float, nargs="?", default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, help="so many, instead of SECONDS")
    parser.add_argument("--summary", type=Path, help="write the counts there")
    arguments = parser.parse_args()
    targets = list(fuzz.TARGETS) if shutil.which("clang") else []
    fuzz.BUILD.mkdir(parents=True, exist_ok=True)
    for target in targets:
        fuzz.build(target)
    readers, begun, summary = mutants.Readers(200, 40), time.monotonic(), ""
    with tempfile.TemporaryDirectory(prefix="cloudkit soak ") as folder:
        soak = Soak(Path(folder))
        for seed in rounds(arguments.seed, arguments.rounds, arguments.seconds):
            draw = random.Random(seed)
            soak.commands(seed, draw)
            soak.strings(seed, readers)
            soak.specs(seed, draw)
            if targets:
                soak.fuzz(seed, targets[seed % len(targets)])
            print(f"round {seed}: {time.monotonic() - begun:,.0f} s, {soak.failures} failures", flush=True)
            summary = soak.table(
                f"seeds {arguments.seed} to {seed}, {time.monotonic() - begun:,.0f} s", bool(targets)
            )
            if arguments.summary:
                arguments.summary.write_text(summary)
        print(summary, end="")
    return bool(soak.failures)


if __name__ == "__main__":
    raise SystemExit(main())
