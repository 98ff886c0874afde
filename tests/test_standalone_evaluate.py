"""Evaluation sets: the scores of a checkpoint against transformers' log-likelihoods, those of n-grams by hand."""

from __future__ import annotations

import gzip
import json
import math
import pydoc_data.topics
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import curate
from curate.errors import UsageError
from curate.standalone.evaluate import evaluate
from curate.standalone.evaluation_items import Continuation, read_items
from curate.standalone.evaluation_models import CheckpointTexts, open_model
from curate.tokenize.encode import load_tokenizer

BLIMP = Path("/work/shared/data/evals/blimp.zip")
PAIRS = [
    {"sentence_good": "The cats sleep here.", "sentence_bad": "The cats sleeps here.", "UID": "agreement"},
    {"sentence_good": "It is not so.", "sentence_bad": "It not is so.", "UID": "order"},
    {"good": "A list of all names.", "bad": "A list of of names all.", "subset": "order"},
]
CHOICES = [
    {
        "ctx": "The function returns",
        "endings": ["a list of the names.", "zzzz.", "the the of of a a it."],
        "label": "0",
    },
    {"ctx": "It is an error", "endings": ["qqq", "to call it."], "label": 1},
]
LAMBADA = [
    {"text": "This is the value of the"},
    {"text": "If so, raise it"},
]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    rows = {"pairs": PAIRS, "choices": CHOICES, "lambada": LAMBADA}
    return {name: write_lines(folder / f"{name}.jsonl", lines) for name, lines in rows.items()}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "topics.parquet"
    pl.DataFrame({"text": [*pydoc_data.topics.topics.values()][:40]}).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def ngrams(reference: Path) -> Path:
    made = curate.train_perplexity([reference], out=reference.with_name("bytes.clm"), units="bytes", order=4)
    return made.model


@pytest.fixture(scope="module")
def run(reference: Path) -> curate.Run:
    recipe = f'name = "t"\n[[source]]\nname = "t"\nread = "tables"\npaths = ["{reference}"]\n'
    reference.with_name("t.toml").write_text(recipe + "[tokenize]\ntokenizer = { train = { vocab_size = 400 } }\n")
    return curate.run(reference.with_name("t.toml"), out=reference.with_name("run"), workers=0)


def test_a_checkpoint_scores_as_its_export_does_under_transformers(
    sets: dict[str, Path], run: curate.Run, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="training needs the extra `train`")
    transformers = pytest.importorskip("transformers", reason="the oracle of this test")
    tiny = {"layers": 1, "width": 32, "heads": 2, "kv_heads": 1, "context": 48, "hidden": 48, "batch_rows": 8}
    made = curate.train(run, preset="llama", settings={**tiny, "compile": False}, steps=20, device="cpu")
    curate.export_model(made.checkpoint, tmp_path / "exported")
    peer = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "exported").eval()
    tokenizer = load_tokenizer(made.checkpoint / "tokenizer.json")

    def nats(each: Continuation) -> float:
        """The whole text in one pass; what is predicted begins where context and whole first differ."""
        context, whole = (
            tokenizer.encode_texts([text])[0].tolist() for text in (each.context, each.context + each.text)
        )
        given = next((at for at, (a, b) in enumerate(zip(context, whole, strict=False)) if a != b), len(context))
        ids = torch.tensor([[tokenizer.end_of_text, *whole]])
        with torch.no_grad():
            logs = torch.log_softmax(peer(ids).logits.double(), dim=-1)[0]
        return -sum(float(logs[at, whole[at]]) for at in range(given, len(whole)))

    model = open_model(made.checkpoint, device="cpu")
    assert isinstance(model, CheckpointTexts)
    for kind, path in sets.items():
        options = [option for item in read_items(path, kind) for option in item.options]  # type: ignore[arg-type]
        found = model.continued(options, likeliest=False).nats
        assert np.allclose(found, [nats(option) for option in options], atol=1e-4)
        assert np.allclose(model.continued(options, likeliest=True).nats, found, atol=1e-4)
    pairs, lambada, choices = evaluate(
        made.checkpoint.parent, **{name: [path] for name, path in sets.items()}, device="cpu"
    )
    items = read_items(sets["choices"], "choices")
    costs = [[nats(option) / len(option.text.encode()) for option in item.options] for item in items]
    assert choices.by_bytes is not None
    assert choices.by_bytes.share == np.mean([int(np.argmin(c)) == i.right for c, i in zip(costs, items, strict=True)])
    wanted = [nats(item.options[0]) < nats(item.options[1]) for item in read_items(sets["pairs"], "pairs")]
    assert pairs.accuracy is not None
    assert pairs.accuracy.share == np.mean(wanted)
    words = [item.options[0] for item in read_items(sets["lambada"], "lambada")]
    assert lambada.perplexity == pytest.approx(math.exp(np.mean([nats(word) for word in words])), rel=1e-4)


def test_n_grams_answer_by_the_same_interface(sets: dict[str, Path], ngrams: Path) -> None:
    pairs, lambada, choices = evaluate(ngrams, **{name: [path] for name, path in sets.items()})
    assert pairs.accuracy is not None
    assert pairs.accuracy.items == 3
    assert pairs.subsets.keys() == {"agreement", "order"}
    assert pairs.subsets["order"].share == 1.0
    assert choices.by_bytes is not None
    assert choices.by_bytes.share == 1.0
    assert lambada.accuracy is not None
    assert lambada.accuracy.share == 0.5  # "of the" stands all over the place, "raise it" does not
    assert lambada.perplexity is not None


def test_what_follows_a_context_costs_what_it_adds_to_the_whole(ngrams: Path) -> None:
    model = open_model(ngrams)
    parts = [
        Continuation("", "The class is"),
        Continuation("The class is", " a name"),
        Continuation("", "The class is a name"),
    ]
    first, second, whole = model.continued(parts, likeliest=False).nats
    assert first + second == pytest.approx(whole)


def test_the_likeliest_byte_is_that_of_most_probability(ngrams: Path) -> None:
    model = open_model(ngrams)
    context = "The following sections describe the standard t"
    every = [Continuation(context, chr(point)) for point in range(32, 127)]
    nats, likeliest = model.continued(every, likeliest=True)
    assert likeliest is not None
    assert likeliest.tolist() == (nats == nats.min()).tolist()


def test_words_have_no_likeliest_and_tokens_need_a_tokenizer(
    sets: dict[str, Path], reference: Path, run: curate.Run, tmp_path: Path
) -> None:
    words = curate.train_perplexity([reference], out=tmp_path / "words.clm", order=3).model
    lambada, pairs = evaluate(words, lambada=[sets["lambada"]], pairs=[sets["pairs"]])[::-1]
    assert lambada.accuracy is None
    assert pairs.accuracy is not None
    tokens = curate.train_perplexity([run.folder], out=tmp_path / "tokens.clm", units="tokens", order=3).model
    with pytest.raises(UsageError, match="say with --tokenizer whose"):
        evaluate(tokens, pairs=[sets["pairs"]])
    by_run = evaluate(tokens, pairs=[sets["pairs"]], lambada=[sets["lambada"]], tokenizer=run.folder)
    by_file = evaluate(
        tokens, pairs=[sets["pairs"]], lambada=[sets["lambada"]], tokenizer=run.folder / "tokenizer.json"
    )
    assert by_run == by_file
    assert by_run[0].subsets["order"].share == 1.0
    assert by_run[1].accuracy is not None


def test_alike_is_half_right(ngrams: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "same.jsonl", [{"good": "Equal.", "bad": "Equal."}] * 4)
    [score] = evaluate(ngrams, pairs=[path])
    assert score.accuracy is not None
    assert (score.accuracy.share, score.accuracy.error) == (0.5, 0.25)
    assert score.subsets == {}


def test_sets_are_read_from_archives_and_cut_short(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sets.zip", "w") as archive:
        for name in ("one", "two"):
            archive.writestr(f"data/{name}.jsonl", json.dumps({"good": "a", "bad": "b"}) + "\n" + json.dumps(PAIRS[0]))
        archive.writestr("data/readme.txt", "no lines of JSON")
        archive.writestr("__MACOSX/data/._one.jsonl", b"\x00\x05\x16\x07")  # BLiMP's archive has such files
    items = read_items(tmp_path / "sets.zip", "pairs")
    assert [item.subset for item in items] == ["one", "agreement", "two", "agreement"]
    assert len(read_items(tmp_path / "sets.zip", "pairs", limit=1)) == 2
    (tmp_path / "l.jsonl.gz").write_bytes(gzip.compress(json.dumps(LAMBADA[1]).encode()))
    [item] = read_items(tmp_path / "l.jsonl.gz", "lambada")
    assert item.options == (Continuation("If so, raise", " it"),)


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        ("pairs", '{"good": "a"}', "line 1 has no good and bad sentences"),
        ("choices", '{"ctx": "a", "endings": ["b"], "label": 3}', "the label 3 is of none of 1 endings"),
        ("lambada", '{"text": "one"}', "one word has nothing before it"),
        ("pairs", "no json", "line 1 has no good and bad"),
        ("pairs", "", "holds no items"),
    ],
)
def test_a_line_that_is_no_item_is_named(kind: Any, line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as told:
        read_items(tmp_path / "set.jsonl", kind)
    assert "\n" not in str(told.value)


def test_nothing_to_evaluate_on_and_no_model_are_said(ngrams: Path, sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a file with --pairs"):
        evaluate(ngrams)
    with pytest.raises(UsageError, match=r"missing\.jsonl cannot be read"):
        evaluate(ngrams, pairs=[tmp_path / "missing.jsonl"])
    with pytest.raises(UsageError, match=r"missing\.clm"):
        evaluate(tmp_path / "missing.clm", pairs=[sets["pairs"]])


@pytest.mark.skipif(not BLIMP.is_file(), reason="the shared evaluation sets are not here")
def test_blimp_has_its_67_subsets(ngrams: Path) -> None:
    [score] = evaluate(ngrams, pairs=[BLIMP], limit=20)
    assert len(score.subsets) == 67
    assert score.accuracy is not None
    assert score.accuracy.items == 67 * 20
    assert 0.4 < score.accuracy.share < 0.8
