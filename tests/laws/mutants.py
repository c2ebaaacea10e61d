"""Law 2 on damaged strings: readers that share no code agree, level by level; `make mutants COUNT=1000000` is the long run.

Of every mutant: the core and its twin find the same codes at the same places and give the same ids; the grammar, read off
spec/scope.ebnf as a regular expression, accepts it exactly where no code 1xx is found. A share is also read by Lark from
the same file; and of those that the grammar accepts a share is decoded and held against schemas/scope.schema.json, which
accepts it exactly where no code 2xx is found. Prints counts and every difference; exits with 1 if there is one.
"""

import argparse
import csv
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import lark

from cloudkit._native import core, twin
from cloudkit.errors import ScopeError
from cloudkit.scope import read, to_tree

from .ebnf import GRAMMAR, as_regex

ROOT = Path(__file__).resolve().parents[2]
CHARACTERS = [
    *"0123456789abcdefgABCNaCl | .|  XZ[]#-+:,",
    "é",
    "\0",
    "中",
    "\u2028",
    "\ud800",
    "[SEP]",
    "2+",
    ":0.5, ",
]

# clause 5.11: a site of one part that fills it means its element
FULL_PART = re.compile(r"(?<=[^,] )(\S+):1\.0(?= |$)")


class Readers:
    """The grammar by other means, and the schema; `seen` counts what each has read."""

    def __init__(self, lark_share: int, schema_share: int) -> None:
        text = GRAMMAR.read_text("utf-8")
        self.regex = as_regex(text)
        self.lark = lark.Lark(text, parser="earley", lexer="dynamic_complete")  # all readings: no look-ahead
        schema = json.loads((ROOT / "schemas/scope.schema.json").read_text("utf-8"))
        self.schema = jsonschema.Draft202012Validator(schema)
        self.lark_share, self.schema_share = lark_share, schema_share
        self.seen: Counter[str] = Counter()

    def differences(self, text: str) -> Iterator[str]:
        """Each disagreement about one text, in words."""
        self.seen["mutants"] += 1
        group, issues = core.check(text)
        if (group, issues) != twin.check(text):
            yield f"check: core {(group, issues)}, twin {twin.check(text)}"
        for vocabulary in ("cloud", "compact"):
            ours, theirs = (side.encode_text(text, vocabulary) for side in (core, twin))
            if (ours is None) != (theirs is None) or (ours is not None and ours.tolist() != theirs.tolist()):
                yield f"{vocabulary} ids: core {ours}, twin {theirs}"
        accepted = all(code >= 200 for code, _, _ in issues)
        if bool(self.regex.fullmatch(text)) != accepted:
            yield "the grammar as a regular expression and the core differ"
        if self.seen["mutants"] % self.lark_share == 0 and len(text) < 400:
            self.seen["by Lark"] += 1
            if self.accepted_by_lark(text) != accepted:
                yield "Lark and the core differ about the grammar"
        if accepted:
            self.seen["accepted by the grammar"] += 1
            if self.seen["accepted by the grammar"] % self.schema_share == 0:
                yield from self.against_schema(text, {code for code, _, _ in issues})

    def accepted_by_lark(self, text: str) -> bool:
        try:
            self.lark.parse(text)
        except lark.exceptions.LarkError:
            return False
        return True

    def against_schema(self, text: str, codes: set[int]) -> Iterator[str]:
        try:
            scope = read(text)
        except ScopeError:  # clause 7.6: symbols and species do not pair up
            self.seen["without a tree"] += 1
            if 307 not in codes and min(codes) >= 300:
                yield "there is no tree, although symbols and species pair up"
            return
        self.seen["by JSON Schema"] += 1
        if all(code >= 400 for code in codes) and str(scope) != FULL_PART.sub(r"\1", text):
            yield f"the tree prints {str(scope)!r}"
        if self.schema.is_valid(to_tree(scope)) != all(code // 100 != 2 for code in codes):
            yield "JSON Schema and the core differ about the tables"


def sources() -> list[str]:
    """Texts of all vectors, and of the published sample where it is at hand, about as many of each."""
    files = sorted((ROOT / "spec/vectors").glob("*/*.jsonl"))
    vectors = [json.loads(line) for file in files for line in file.read_text("ascii").splitlines()]
    texts = [vector["text"] for vector in vectors if vector["text"]]
    sample = ROOT.parent / "shared/data/pretrain_10k.csv"
    if not sample.exists():
        return texts
    with sample.open(newline="") as file:
        published = [row["cloud"] for row in csv.DictReader(file)]
    return texts * (len(published) // len(texts)) + published


def mutate(random_: random.Random, text: str, texts: list[str]) -> str:
    """Insert, delete, swap, replace and repeat words, splice; one to three times."""
    for _ in range(random_.randint(1, 3)):
        at, words = random_.randrange(len(text) + 1), text.split(" ")
        first, second = random_.randrange(len(words)), random_.randrange(len(words))
        match random_.randrange(8):
            case 0:
                text = text[:at] + random_.choice(CHARACTERS) + text[at:]
            case 1:
                text = text[:at] + text[at + random_.randint(1, 3) :]
            case 2:
                words[first], words[second] = words[second], words[first]
                text = " ".join(words)
            case 3:
                words[first] = random_.choice(random_.choice(texts).split(" "))
                text = " ".join(words)
            case 4:
                words.insert(first, words[second])
                text = " ".join(words)
            case 5:
                text = text[:at] + random_.choice(texts)[at:]
            case 6:
                text = text[:at] + text[at : at + 8] * random_.randint(2, 50) + text[at:]
            case 7:  # the same body in another group, or another body in the same group
                head, _, body = text.partition(" | ")
                other, _, others = random_.choice(texts).partition(" | ")
                text = random_.choice([f"{other} | {body}", f"{head} | {others}"])
    return text


def run(count: int, seed: int, readers: Readers, progress: bool = False) -> tuple[list[str], Counter[str]]:
    """(the differences, how many mutants had each code) of `count` mutants."""
    random_, texts = random.Random(seed), sources()
    codes: Counter[str] = Counter()
    found: list[str] = []
    for index in range(count):
        text = mutate(random_, random_.choice(texts), texts)
        found += [f"{text!r}\n  {difference}" for difference in readers.differences(text)]
        codes.update({f"{code}" for code, _, _ in core.check(text)[1]} or {"valid"})
        if progress and index % 1000 == 0:
            print(f"\r{index:,} of {count:,}", end="", file=sys.stderr)
    return found, codes


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("count", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lark", type=int, default=100, metavar="N", help="one in N is read by Lark, too")
    parser.add_argument(
        "--schema",
        type=int,
        default=10,
        metavar="N",
        help="one in N of those accepted is held against the schema",
    )
    arguments = parser.parse_args()
    readers = Readers(arguments.lark, arguments.schema)
    found, codes = run(arguments.count, arguments.seed, readers, progress=sys.stderr.isatty())
    print("\n".join(found) if found else f"seed {arguments.seed}: no difference")
    print(", ".join(f"{name} {count:,}" for name, count in readers.seen.items()))
    print("strings with each code: " + ", ".join(f"{code} {n:,}" for code, n in sorted(codes.items())))
    return bool(found)


if __name__ == "__main__":
    raise SystemExit(main())
