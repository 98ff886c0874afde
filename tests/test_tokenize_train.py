"""Training: what the vocabulary holds, and that nothing but the texts decides it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pydoc_data import topics

import pytest

from curate.errors import UsageError
from curate.tokenize.train import MAX_WORD_CHARACTERS, _pieces, train_bpe

PROSE = list(topics.topics.values())[:30]
DIGEST = """
import hashlib
from pydoc_data import topics
from curate.tokenize.train import train_bpe
text = train_bpe(list(topics.topics.values())[:30], vocab_size=600)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_the_vocabulary_is_end_of_text_then_bytes_then_merges() -> None:
    model = json.loads(train_bpe(PROSE, vocab_size=600))["model"]
    by_id = sorted(model["vocab"], key=model["vocab"].get)
    assert len(by_id) == 600
    assert by_id[0] == "<|endoftext|>"
    assert all(len(token) == 1 for token in by_id[1:257])
    assert len(model["merges"]) == 600 - 257
    assert "Ġthe" in model["vocab"]


def test_the_bytes_do_not_depend_on_the_number_of_threads() -> None:
    digests = set()
    for threads in ("1", "2"):
        settings = {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true", "PYTHONHASHSEED": threads}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=os.environ | settings, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())
    here = hashlib.sha256(train_bpe(PROSE, vocab_size=600).encode()).hexdigest()
    assert digests == {here}


def test_a_small_sample_gives_a_smaller_vocabulary() -> None:
    model = json.loads(train_bpe(["a small sample, a small sample"], vocab_size=5000))["model"]
    assert 257 < len(model["vocab"]) < 300


def test_no_texts_give_the_bytes_alone() -> None:
    assert len(json.loads(train_bpe([], vocab_size=1000))["model"]["vocab"]) == 257


def test_digits_are_grouped_by_three_at_most() -> None:
    vocabulary = json.loads(train_bpe(["1234567 " * 100], vocab_size=400))["model"]["vocab"]
    assert "123" in vocabulary
    assert not [token for token in vocabulary if token.isdigit() and token.isascii() and len(token) > 3]


def test_endless_words_are_cut_in_training_and_nothing_is_lost() -> None:
    text = "start " + "x" * 3000 + " " * 2000 + "end"
    pieces = list(_pieces([text]))
    assert "".join(pieces) == text
    assert max(len(run) for piece in pieces for run in re.findall(r"\S+|\s+", piece)) == MAX_WORD_CHARACTERS


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 257"):
        train_bpe(PROSE, vocab_size=256)
