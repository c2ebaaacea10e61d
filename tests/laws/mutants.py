"""The long run of law 2: core against twin (and Lark on a share) on damaged strings; `make mutants COUNT=1000000`.

Prints how many mutants were read, how many had each code, and every difference; exits with 1 if there is one.
"""

import argparse
import csv
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import lark

from cloudkit._native import core, twin

ROOT = Path(__file__).resolve().parents[2]
CHARACTERS = [*"0123456789abcdefgABCNaCl | .|  XZ[]#-+", "é", "\0", "中", "\u2028", "\ud800", "[SEP]"]
LARK_SHARE = 100  # one mutant in so many is also read by Lark, which is a thousand times slower


def sources() -> list[str]:
    """Texts of all vectors, and the published sample where it is at hand."""
    texts = [
        json.loads(f.read_text("utf-8"))["text"] for f in sorted((ROOT / "spec/vectors").glob("*/*/*.json"))
    ]
    sample = ROOT.parent / "shared/data/pretrain_10k.csv"
    if sample.exists():
        with sample.open(newline="") as file:
            texts += [row["cloud"] for row in csv.DictReader(file)]
    return [text for text in texts if text]


def mutate(random_: random.Random, text: str, texts: list[str]) -> str:
    """Insert, delete, swap, replace and repeat words, splice; one to three times."""
    for _ in range(random_.randint(1, 3)):
        at, words = random_.randrange(len(text) + 1), text.split(" ")
        first, second = random_.randrange(len(words)), random_.randrange(len(words))
        match random_.randrange(7):
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
    return text


def differences(text: str) -> Iterator[str]:
    if core.check(text) != twin.check(text):
        yield f"check: core {core.check(text)}, twin {twin.check(text)}"
    for vocabulary in ("cloud", "compact"):
        ours, theirs = (side.encode_text(text, vocabulary) for side in (core, twin))
        if (ours is None) != (theirs is None) or (ours is not None and ours.tolist() != theirs.tolist()):
            yield f"{vocabulary} ids: core {ours}, twin {theirs}"


def accepts(reader: lark.Lark, text: str) -> bool:
    try:
        reader.parse(text)
    except lark.exceptions.LarkError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random_, texts = random.Random(arguments.seed), sources()
    reader = lark.Lark((ROOT / "spec/scope.ebnf").read_text(), parser="earley", lexer="dynamic_complete")
    codes: Counter[str] = Counter()
    wrong = read_by_lark = 0
    for index in range(arguments.count):
        text = mutate(random_, random_.choice(texts), texts)
        found = list(differences(text))
        listed = {code for code, _, _ in core.check(text)[1]}
        codes.update(f"{code}" for code in listed or {"valid"})
        if index % LARK_SHARE == 0 and len(text) < 400:
            read_by_lark += 1
            if accepts(reader, text) == any(code < 200 for code in listed):
                found.append("Lark and the core differ about the grammar")
        for difference in found:
            print(f"{text!r}\n  {difference}")
        wrong += bool(found)
        if sys.stderr.isatty() and index % 1000 == 0:
            print(f"\r{index} of {arguments.count}", end="", file=sys.stderr)
    print(
        f"seed {arguments.seed}: {arguments.count} mutants, {read_by_lark} of them also by Lark, {wrong} differences"
    )
    print("strings with each code: " + ", ".join(f"{code} {n}" for code, n in sorted(codes.items())))
    return wrong > 0


if __name__ == "__main__":
    raise SystemExit(main())
