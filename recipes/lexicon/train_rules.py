"""Learns the letter-to-sound rules of `avsync.pronounce` from the packed CMU dictionary.

    python recipes/lexicon/train_rules.py             # learns from all words, writes the rules
    python recipes/lexicon/train_rules.py --evaluate  # learns from 90 % of the words, scores the other 10 %

Letters are aligned with phones by hard EM (each letter takes 0, 1 or 2 phones). A rule is a letter with a
context that is widened step by step in the order of `avsync.pronounce.CONTEXT`; a wider rule is kept only
where it says something else than the narrower one that would fire in its place (an IGTree: Daelemans, van den
Bosch and Weijters, 1997).
"""

import argparse
import lzma
import math
import zlib
from collections import Counter, defaultdict
from pathlib import Path

from avsync.pronounce import CONTEXT, RULES, context, dictionary, lookup, read_by_rules

Pair = tuple[str, str]  # letters, phones in the dictionary's one-character code
Table = dict[str, dict[str, float]]  # letter -> phones it takes -> log-probability
ROUNDS = 6
TARGET = Path(__file__).resolve().parents[2] / "avsync" / "lexicon"
NEVER = -12.0


def letters_only(word: str) -> bool:
    """Whether `word` is one that rules can be learnt from: initials and names of letters are not."""
    return word.isalpha() and len(word) > 2


def align(word: str, phones: str, table: Table) -> list[str] | None:
    """The best split of `phones` over the letters of `word`: 0, 1 or 2 phones a letter; None when they do not
    fit.
    """
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for letter in word:
        known = table.get(letter, {})
        here: dict[int, tuple[float, int]] = {}
        for start, (score, _) in best[-1].items():
            for taken in (0, 1, 2):
                end = start + taken
                if end > len(phones):
                    break
                new = score + known.get(phones[start:end], NEVER)
                if end not in here or new > here[end][0]:
                    here[end] = (new, start)
        best.append(here)
    if len(phones) not in best[-1]:
        return None
    end, chunks = len(phones), []
    for column in reversed(best[1:]):
        start = column[end][1]
        chunks.append(phones[start:end])
        end = start
    return chunks[::-1]


def first_table(pairs: list[Pair]) -> Table:
    """Letter and phone co-occurrence near the diagonal: enough for EM to start from."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word, phones in pairs:
        for i, letter in enumerate(word):
            centre = i * len(phones) / len(word)
            for j in range(max(0, int(centre) - 1), min(len(phones), int(centre) + 2)):
                counts[letter][phones[j]] += 1
    return normalise(counts, {"": 0.1})


def normalise(counts: dict[str, Counter[str]], extra: dict[str, float] | None = None) -> Table:
    """Counts to log-probabilities; `extra` reserves a share for the chunks it names."""
    table: Table = {}
    for letter, counter in counts.items():
        total = sum(counter.values())
        table[letter] = {chunk: math.log(n / total) for chunk, n in counter.items()}
        table[letter].update({chunk: math.log(share) for chunk, share in (extra or {}).items()})
    return table


def align_all(pairs: list[Pair]) -> list[tuple[str, list[str]]]:
    """Every pair with its letters aligned, after `ROUNDS` of hard EM (the first ones on a sample)."""
    table = first_table(pairs)
    for turn in range(ROUNDS):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for word, phones in pairs[:: 5 if turn < ROUNDS - 1 else 1]:
            for letter, chunk in zip(word, align(word, phones, table) or (), strict=False):
                counts[letter][chunk] += 1
        table = normalise(counts)
    aligned = ((word, align(word, phones, table)) for word, phones in pairs)
    return [(word, chunks) for word, chunks in aligned if chunks is not None]


def learn(pairs: list[Pair]) -> dict[str, str]:
    """The rules: context key (see `avsync.pronounce.context`) -> phones."""
    seen: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(len(CONTEXT) + 1)]
    for word, chunks in align_all(pairs):
        said = ""
        for i, chunk in enumerate(chunks):
            key = context(word, i, said)
            for width in range(len(CONTEXT) + 1):
                seen[width][key[: width + 1]][chunk] += 1
            said = chunk
    rules: dict[str, str] = {}
    for width, level in enumerate(seen):
        for key in sorted(level):
            counter = level[key]
            chunk = min(counter, key=lambda c: (-counter[c], c))
            narrower = next((rules[key[:n]] for n in range(width, 0, -1) if key[:n] in rules), None)
            if chunk != narrower:
                rules[key] = chunk
    return rules


def pairs_of(words: list[str]) -> list[Pair]:
    """Each word with its first pronunciation."""
    return [(word, dictionary()[word].split(",")[0]) for word in words]


def edit_distance(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Levenshtein distance of two phone strings."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, last = [i], row
        for j, y in enumerate(b, 1):
            row.append(min(row[-1] + 1, last[j] + 1, last[j - 1] + (x != y)))
    return row[-1]


def main() -> None:
    """Learns and writes, or learns from nine tenths and prints the accuracy on the last tenth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--evaluate", action="store_true", help="score held-out words instead of writing the rules"
    )
    evaluate = parser.parse_args().evaluate
    words = [word for word in dictionary() if letters_only(word)]
    held_out = [word for word in words if zlib.crc32(word.encode()) % 10 == 0]
    rules = learn(pairs_of(sorted(set(words) - set(held_out)) if evaluate else words))
    text = "".join(f"{key}\t{chunk}\n" for key, chunk in sorted(rules.items()))
    packed = lzma.compress(text.encode("ascii"), preset=9 | lzma.PRESET_EXTREME)
    print(f"{len(rules)} rules, {len(packed)} bytes")
    if not evaluate:
        (TARGET / RULES).write_bytes(packed)
        return
    errors = total = right = 0
    for word in held_out:
        spoken = read_by_rules(word, rules)
        distance, reference = min((edit_distance(spoken, variant), variant) for variant in lookup(word))
        errors, total, right = errors + distance, total + len(reference), right + (distance == 0)
    print(f"{len(held_out)} held-out words: {1 - errors / total:.4f} of the phones right")
    print(f"whole words right: {right / len(held_out):.4f}")


if __name__ == "__main__":
    main()
