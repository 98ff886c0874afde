"""Broken tokenizers and models: each is refused in one sentence or works, soon, and in bounded memory.

seed ─▶ a sound file of a kind ─▶ bytes flipped │ cut │ doubled │ a value of its JSON replaced ─▶ open, use ─▶ Outcome

    python benchmarks/fuzz_models.py --seed 1 --count 2000
"""

from __future__ import annotations

import argparse
import base64
import collections
import hashlib
import io
import json
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import polars as pl

from curate.errors import UsageError
from curate.filters.fasttext_model import load_model
from curate.filters.linear_features import FeatureKinds
from curate.filters.linear_file import linear_bytes
from curate.filters.linear_model import load_linear
from curate.filters.linear_train import LinearTraining, train_linear
from curate.filters.model_bytes import DIGEST
from curate.filters.ngram.arpa import read_arpa, write_arpa
from curate.filters.ngram.counts import NgramCounts
from curate.filters.ngram.file import NgramTables, write_tables
from curate.filters.ngram.kneser_ney import estimate
from curate.filters.ngram.model import load_ngram_model
from curate.filters.ngram.table import build_table, score
from curate.filters.ngram.words import word_stream
from curate.text.buffers import text_buffers
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.train import train_bpe
from curate.tokenize.vocabulary import byte_alphabet

TEXTS = ["The old man and the sea.\n", "naïve 日本 </s><s> <0x41> [CLS]", "", "x" * 200]
MAX_SECONDS, MAX_BYTES = 20.0, 1 << 30
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 10**12, 2**31, 2**32 - 1, 2**64, 1e308, -0.0, float("nan")),
    *("", "a", "</s>", "<0x41>", "\ud800", "[", "(a+)+$", "x" * 10_000),
    *([], {}, [[]], [None], {"type": "BPE"}, {"String": ""}, ["a", 1], {"a": -1}, {"content": 3}),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A sound file: what it is called, what is in it, and how it is opened and used."""

    name: str
    content: bytes
    use: Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file. `fault` is None where it was refused in one sentence, or works."""

    number: int
    kind: str
    is_refused: bool
    fault: str | None
    seconds: float


def use_tokenizer(path: Path) -> None:
    """As a run does: open, encode, decode, count bytes."""
    tokenizer = load_tokenizer(path, end_of_text=None if path.suffix == ".tiktoken" else "<|endoftext|>")
    tokens, _ = tokenizer.encode_batch(TEXTS)
    tokenizer.decode(tokens)
    tokenizer.token_bytes()


def use_fasttext(path: Path) -> None:
    """As a step does."""
    load_model(str(path)).predict(pl.Series(TEXTS), 2)


def use_linear(path: Path) -> None:
    """With a digest that is right, as whoever writes a wrong model might have it."""
    content = path.read_bytes()[:-DIGEST]
    path.write_bytes(content + hashlib.sha256(content).digest())
    load_linear(str(path)).predict(pl.Series(TEXTS), 2)


def use_ngrams(path: Path) -> None:
    """As the step `perplexity` does."""
    model = load_ngram_model(str(path))
    model.buckets(model.perplexities(pl.Series(TEXTS)))


def use_arpa(path: Path) -> None:
    """As `curate perplexity convert` does."""
    table, _ = read_arpa(path)
    score(word_stream(text_buffers(pl.Series(TEXTS)), "words"), table)


def kinds() -> list[Kind]:
    """Every kind of file that a recipe can name; fastText's library, where it is installed, trains the models."""
    trained = train_bpe(list(topics.topics.values())[:10], vocab_size=600)
    return [
        Kind("tokenizer.json", trained.encode(), use_tokenizer),
        *(Kind("tokenizer.json", json.dumps(table).encode(), use_tokenizer) for table in _small_tables()),
        Kind("cl100k.tiktoken", _ranks(trained), use_tokenizer),
        Kind("linear.bin", _linear_model(), use_linear),
        *_fasttext_models(),
        *_ngram_models(),
    ]


def _ngram_models() -> Iterator[Kind]:
    texts = text_buffers(pl.Series(list(topics.topics.values())[:10]))
    counts = NgramCounts(3)
    counts.add(word_stream(texts, "words", places=True), texts)
    trie, model, arpa = counts.trie(), io.BytesIO(), io.BytesIO()
    estimates = estimate(trie)
    write_arpa(arpa, trie, estimates, counts.words)
    write_tables(model, NgramTables(build_table(trie, estimates), "words", (1, 1, 1), {"": (2.0, 3.0)}))
    yield Kind("model.clm", model.getvalue(), use_ngrams)
    yield Kind("model.arpa", arpa.getvalue(), use_arpa)


def _small_tables() -> Iterator[dict[str, Any]]:
    """Models that are not of the byte-level kind, with a normalizer, a template and a decoder each."""
    names = enumerate(("<|endoftext|>", "<s>"))
    special = [{"id": number, "content": token} | _flags(special=True) for number, token in names]
    letters = [*"abcdefghijklmnopqrstuvwxyz .", "▁the", "▁", "<unk>", *(f"<0x{value:02X}>" for value in range(256))]
    pieces = ["<|endoftext|>", "<s>", *letters]
    ids = {piece: number for number, piece in enumerate(pieces)}
    rest = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [*special, {"id": ids["▁the"], "content": "▁the"} | _flags(special=False)],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"\w+|\s"}, "behavior": "Isolated", "invert": False},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "e", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"e": {"id": "e", "ids": [0], "tokens": ["<|endoftext|>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
    }
    scores = [[piece, -float(number % 7)] for number, piece in enumerate(pieces)]
    yield rest | {"model": {"type": "Unigram", "unk_id": ids["<unk>"], "vocab": scores, "byte_fallback": True}}
    merges = [["t", "h"], ["a", "n"]]
    bpe = {"type": "BPE", "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True, "ignore_merges": False}
    yield rest | {"model": bpe | {"vocab": ids | {"th": len(ids), "an": len(ids) + 1}, "merges": merges}}
    words = {"unk_token": "<unk>", "vocab": ids}
    yield rest | {"model": words | {"type": "WordLevel"}}
    prefix = {"type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    yield rest | {"model": words | prefix}


def _flags(*, special: bool) -> dict[str, Any]:
    return {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}


def _ranks(trained: str) -> bytes:
    byte_of = byte_alphabet()
    vocabulary = json.loads(trained)["model"]["vocab"]
    pieces = {number: bytes(byte_of[letter] for letter in token) for token, number in vocabulary.items() if number}
    return b"".join(base64.b64encode(pieces[number]) + b" %d\n" % (number - 1) for number in sorted(pieces))


def _linear_model() -> bytes:
    texts = pl.Series([f"{'good fine' if n % 2 else 'bad poor'} word{n % 40}" for n in range(200)])
    training = LinearTraining(features=FeatureKinds(bits=10), epochs=3)
    sides, folds = np.arange(200) % 2 == 1, np.arange(200) // 2 % 3
    return linear_bytes(train_linear(texts, sides, ("bad", "good"), training, folds=folds))


def _fasttext_models() -> Iterator[Kind]:
    try:
        import fasttext
    except ImportError:
        return
    with tempfile.TemporaryDirectory() as folder:
        lines = [f"__label__{'ab'[n % 2]} {'good fine' if n % 2 else 'bad poor'} word{n % 40}" for n in range(400)]
        text, saved = Path(folder, "train.txt"), Path(folder, "model")
        text.write_text("\n".join(lines) + "\n")
        options = {"dim": 8, "epoch": 2, "minn": 2, "maxn": 3, "bucket": 800, "thread": 1, "verbose": 0}
        for suffix, loss in ((".bin", "hs"), (".ftz", "softmax")):
            model = fasttext.train_supervised(str(text), loss=loss, **options)
            if suffix == ".ftz":
                model.quantize(input=str(text), cutoff=300, qnorm=True, retrain=False, dsub=2)
            model.save_model(str(saved))
            yield Kind(f"model{suffix}", saved.read_bytes(), use_fasttext)


def mutate(content: bytes, name: str, dice: random.Random) -> bytes:
    """One to three changes of a file."""
    is_json = name.endswith(".json") and dice.random() < 0.8
    for _ in range(dice.randint(1, 2)):
        content = _in_json(content, dice) if is_json else _in_bytes(content, dice)
    return content


def _in_bytes(content: bytes, dice: random.Random) -> bytes:
    if not content:
        return content
    place, size = dice.randrange(len(content)), dice.choice((1, 2, 4, 8, 64))
    place = dice.randrange(min(200, len(content))) if dice.random() < 0.5 else place  # most of a model's sizes
    match dice.randrange(5):
        case 0:
            return content[:place]
        case 1:
            return content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]
        case 2:
            return content[:place] + dice.choice((b"\xff", b"\0", b"\x7f", b'"', b"9")) * size + content[place + size :]
        case 3:
            return content[:place] + content[place + size :]
        case _:
            return content[: place + size] + content[place:]


def _in_json(content: bytes, dice: random.Random) -> bytes:
    """A value somewhere in the tree is another one, is gone, or stands twice."""
    try:
        at: Any = json.loads(content)
    except (ValueError, RecursionError):
        return _in_bytes(content, dice)
    root = at = [at]
    while True:
        keys: list[Any] = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = dice.choice(keys)
        if isinstance(at[key], dict | list) and at[key] and dice.random() < 0.85:
            at = at[key]
            continue
        break
    change = dice.random()
    if change < 0.2 and at is not root:
        del at[key]
    elif change < 0.3 and isinstance(at, dict):
        at[dice.choice(("x", "type", "vocab", "", "</s>"))] = at[key]
    elif change < 0.33:
        depth = dice.choice((10, 200, 3000))
        return json.dumps(root[0]).encode().replace(b"null", b"[" * depth + b"]" * depth, 1)
    else:
        at[key] = dice.choice(ODD_VALUES)
    return json.dumps(root[0]).encode()


def fuzz(seed: int, count: int, folder: Path) -> Iterator[Outcome]:
    """The outcomes of `count` broken files."""
    sound = kinds()
    for number in range(count):
        dice = random.Random(seed * 1_000_003 + number)
        kind = dice.choice(sound)
        path = folder / kind.name
        path.write_bytes(mutate(kind.content, kind.name, dice))
        yield _outcome(number, kind, path)


def _outcome(number: int, kind: Kind, path: Path) -> Outcome:
    started, before = time.monotonic(), peak_bytes()
    fault, is_refused = None, False
    try:
        kind.use(path)
    except UsageError as error:
        is_refused = True
        fault = f"more than one line: {error}" if "\n" in str(error) else None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        fault = "".join(traceback.format_exception(error)[-4:])
    seconds = time.monotonic() - started
    if fault is None and seconds > MAX_SECONDS:
        fault = f"took {seconds:.0f} seconds"
    if fault is None and peak_bytes() - before > MAX_BYTES:
        fault = f"took {(peak_bytes() - before) >> 20} MB of memory"
    return Outcome(number, kind.name, is_refused, fault, seconds)


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    counts: collections.Counter[tuple[str, str]] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for outcome in fuzz(arguments.seed, arguments.count, Path(folder)):
            verdict = "fault" if outcome.fault else "refused" if outcome.is_refused else "works"
            counts[outcome.kind, verdict] += 1
            slowest = max(slowest, outcome.seconds)
            if outcome.fault:
                print(f"{outcome.number} {outcome.kind}: {outcome.fault}", file=sys.stderr)
    for (kind, verdict), count in sorted(counts.items()):
        print(f"{kind:<20}{verdict:<10}{count:>6}")
    print(f"slowest {slowest:.2f} s, peak {peak_bytes() >> 20} MB")
    sys.exit(any(verdict == "fault" for _, verdict in counts))


if __name__ == "__main__":
    main()
