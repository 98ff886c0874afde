"""One side of tokenizer_training.py in a process of its own: what it learned, its CPU seconds and its memory.

SIDE FOLDER ─▶ FOLDER/texts.jsonl (or .txt) ─▶ trained once on a little, then on all ─▶ FOLDER/SIDE.json
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

Tokens = list[bytes]
"""In the order in which they were learned."""
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
END_OF_TEXT = "<|endoftext|>"


def main() -> None:
    side, folder, vocab_size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with (folder / "texts.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    SIDES[side](texts[:20], 1000, folder / "few.txt")  # kernels and libraries are loaded before the clock starts
    before, started = peak_mb(), time.process_time()
    tokens = SIDES[side](texts, vocab_size, folder / "texts.txt")
    cpu = time.process_time() - started
    found = {"cpu": cpu, "peak": peak_mb(), "grown": peak_mb() - before, "tokens": [token.hex() for token in tokens]}
    (folder / f"{side}.json").write_text(json.dumps(found))


def peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # what `getrusage` says on Linux is never less than the parent's memory
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def curate(texts: list[str], vocab_size: int, file: Path) -> Tokens:
    from curate.tokenize.train import train_bpe

    return of_merges(json.loads(train_bpe(texts, vocab_size=vocab_size))["model"]["merges"])


def tokenizers(texts: list[str], vocab_size: int, file: Path) -> Tokens:
    from tokenizers import Regex, pre_tokenizers

    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
    return by_tokenizers(texts, vocab_size, [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def tokenizers_gpt2(texts: list[str], vocab_size: int, file: Path) -> Tokens:
    """With the split of gigabpe, which has no other, and of a file's lines, as it reads no texts."""
    from tokenizers import pre_tokenizers

    lines = file.read_text(encoding="utf-8").split("\n")
    return by_tokenizers(
        [line + "\n" for line in lines], vocab_size, [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )


def by_tokenizers(texts: list[str], vocab_size: int, steps: list[object]) -> Tokens:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return of_merges(json.loads(tokenizer.to_str())["model"]["merges"])


def gigabpe(texts: list[str], vocab_size: int, file: Path) -> Tokens:
    import gigabpe

    _, merges = gigabpe.train_bpe(
        [str(file)],
        vocab_size=vocab_size,
        special_tokens=[END_OF_TEXT],
        min_frequency=2,
        pretokenizer="bytelevel",
        threads=1,
    )
    return of_merges(merges)


def rustbpe(texts: list[str], vocab_size: int, file: Path) -> Tokens:
    import rustbpe

    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(iter(texts), vocab_size - 1, pattern=SPLIT)
    ranks = sorted((rank, bytes(token)) for token, rank in tokenizer.get_mergeable_ranks())
    return [token for _, token in ranks[256:]]


def bpeasy(texts: list[str], vocab_size: int, file: Path) -> Tokens:
    import bpeasy

    ranks = bpeasy.train_bpe(iter(texts), SPLIT, 128, vocab_size - 1)
    return sorted(ranks, key=ranks.__getitem__)[256:]


def of_merges(merges: list[list[str]]) -> Tokens:
    byte_of = byte_alphabet()
    return [bytes(byte_of[character] for character in first + second) for first, second in merges]


def byte_alphabet() -> dict[str, int]:
    """The characters that stand for bytes in files of byte-level BPE (GPT-2's encoder.py)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [value for value in range(256) if value not in printable]
    return {chr(value): value for value in printable} | {chr(256 + i): value for i, value in enumerate(others)}


SIDES: Mapping[str, Callable[[list[str], int, Path], Tokens]] = {
    "curate": curate,
    "tokenizers": tokenizers,
    "rustbpe": rustbpe,
    "bpeasy": bpeasy,
    "gigabpe": gigabpe,
    "tokenizers_gpt2": tokenizers_gpt2,
}

if __name__ == "__main__":
    main()
