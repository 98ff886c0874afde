"""curate.filters.onnx_model: ONNX classifiers of texts by path, against the same sums in NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.errors import RunConflict, UsageError
from curate.filters.classifiers import label_scores, load_classifier
from curate.filters.onnx_model import load_onnx
from curate.filters.quality import classifier

onnx = pytest.importorskip("onnx", reason="the models are made with the package onnx")
pytest.importorskip("onnxruntime", reason="ONNX models are asked by onnxruntime (the extra onnx)")

WORDS = ["[UNK]", "good", "great", "bad", "poor", "book"]
TABLE = np.array([[0, 0], [2, -1], [3, -2], [-1, 2], [-2, 1], [0.5, 0.5]], dtype=np.float32)
TEXTS = ["good book", "bad bad book", "a great good thing", "poor", "nothing known here"]


def write(path: Path, nodes: Sequence[Any], inputs: Sequence[Any], outputs: Sequence[Any], **tables: Any) -> Path:
    held = [onnx.numpy_helper.from_array(table, name) for name, table in tables.items()]
    graph = onnx.helper.make_graph(nodes, "g", inputs, outputs, held)
    domains = [("", 17), ("ai.onnx.ml", 3), ("com.microsoft", 1)]
    opsets = [onnx.helper.make_opsetid(*each) for each in domains]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def port(name: str, kind: str, *shape: Any) -> Any:
    return onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape)


def node(op: str, inputs: Sequence[str], output: str, domain: str = "", **how: Any) -> Any:
    return onnx.helper.make_node(op, list(inputs), [output], domain=domain, **how)


def of_tokens(folder: Path, *, last: str = "logits", length: Any = "tokens", tokenizer: bool = True) -> Path:
    """The mean of a table's rows over the tokens of a text, those that the mask lets through."""
    if tokenizer:
        from tokenizers import Tokenizer, models, pre_tokenizers

        made = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.save(str(folder / "tokenizer.json"))
    nodes = [
        node("Gather", ["table", "input_ids"], "rows"),
        node("Cast", ["attention_mask"], "mask", to=onnx.TensorProto.FLOAT),
        node("Unsqueeze", ["mask", "two"], "wide"),
        node("Mul", ["rows", "wide"], "seen"),
        node("ReduceSum", ["seen", "one"], "sum", keepdims=0),
        node("ReduceSum", ["mask", "one"], "count", keepdims=1),
        node("Div", ["sum", "count"], last),
    ]
    inputs = [port("input_ids", "INT64", "texts", length), port("attention_mask", "INT64", "texts", length)]
    outputs = [port(last, "FLOAT", "texts", 2)]
    tables = {"table": TABLE, "one": np.array([1]), "two": np.array([2])}
    return write(folder / "tokens.onnx", nodes, inputs, outputs, **tables)


def of_texts(folder: Path, *, zipped: bool = False) -> Path:
    """What exporters make of a bag of words and a linear model: texts in, a probability for each label out."""
    words = onnx.helper.make_node(
        "Tokenizer", ["text"], ["words"], domain="com.microsoft", mark=0, mincharnum=1, pad_value="#", separators=[" "]
    )
    known = WORDS[1:]
    pool = {"pool_strings": known, "ngram_counts": [0], "ngram_indexes": list(range(len(known)))}
    bag = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0}
    nodes = [
        words,
        node("TfIdfVectorizer", ["words"], "counts", **pool, **bag),
        node("MatMul", ["counts", "table"], "sums"),
        node("Softmax", ["sums"], "probabilities", axis=1),
    ]
    output = port("probabilities", "FLOAT", "texts", 2)
    if zipped:
        nodes.append(node("ZipMap", ["probabilities"], "by_label", "ai.onnx.ml", classlabels_strings=["fine", "not"]))
        floats = onnx.helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, [])
        maps = onnx.helper.make_map_type_proto(onnx.TensorProto.STRING, floats)
        output = onnx.helper.make_value_info("by_label", onnx.helper.make_sequence_type_proto(maps))
    return write(folder / "texts.onnx", nodes, [port("text", "STRING", "texts")], [output], table=TABLE[1:])


def softmax(row: Any) -> Any:
    return np.exp(row) / np.exp(row).sum()


def mean_of_tokens(text: str) -> Any:
    return np.mean([TABLE[WORDS.index(word) if word in WORDS else 0] for word in text.split()], axis=0)


def sum_of_words(text: str) -> Any:
    return np.sum([TABLE[WORDS.index(word)] if word in WORDS else [0, 0] for word in text.split()], axis=0)


def test_ids_of_tokens_are_made_by_the_tokenizer_beside_the_model(tmp_path: Path) -> None:
    model = load_classifier(str(of_tokens(tmp_path)))
    expected = [softmax(mean_of_tokens(text)) for text in TEXTS]
    assert np.allclose(model.probabilities(pl.Series(TEXTS)), expected, atol=1e-6)
    assert model.labels == ("0", "1")
    assert [file.name for file in model.files] == ["tokens.onnx", "tokenizer.json"]


def test_a_model_that_takes_texts_needs_nothing_beside_it(tmp_path: Path) -> None:
    expected = [softmax(sum_of_words(text)) for text in TEXTS]
    plain, zipped = (load_onnx(str(of_texts(tmp_path, zipped=way))) for way in (False, True))
    assert np.allclose(plain.probabilities(pl.Series(TEXTS)), expected, atol=1e-6)
    assert zipped.labels == ("fine", "not")
    assert np.allclose(zipped.probabilities(pl.Series(TEXTS)), expected, atol=1e-6)
    assert [found[0][0] for found in zipped.predict(pl.Series(TEXTS), top=1)][:2] == ["fine", "not"]


def test_the_configuration_names_labels_and_says_what_the_numbers_are(tmp_path: Path) -> None:
    path = of_tokens(tmp_path)
    raw = np.array([mean_of_tokens(text) for text in TEXTS])

    def given(**config: Any) -> Any:
        (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "fine", "1": "not"}, **config}))
        return load_classifier(str(path))

    assert given().labels == ("fine", "not")
    assert np.allclose(given(problem_type="regression").probabilities(pl.Series(TEXTS)), raw, atol=1e-6)
    each = given(problem_type="multi_label_classification").probabilities(pl.Series(TEXTS))
    assert np.allclose(each, 1 / (1 + np.exp(-raw)), atol=1e-6)
    assert np.allclose(load_onnx(str(path), scale="as_is").probabilities(pl.Series(TEXTS)), raw, atol=1e-6)
    with pytest.raises(UsageError, match='no label "fin"; did you mean "fine"'):
        given().find_label("fin")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"config.json is not JSON"):
        load_classifier(str(path))


def test_a_length_that_is_fixed_is_filled_up_and_others_are_cut(tmp_path: Path) -> None:
    fixed = load_classifier(str(of_tokens(tmp_path, length=6)))
    expected = [softmax(mean_of_tokens(text)) for text in [*TEXTS, " ".join(["good"] * 6)]]
    texts = pl.Series([*TEXTS, " ".join(["good"] * 6 + ["bad"] * 90)])
    assert np.allclose(fixed.probabilities(texts), expected, atol=1e-6)
    free = load_classifier(str(of_tokens(tmp_path)))
    long = " ".join(["good"] * 512 + ["bad"] * 9000)
    assert np.allclose(free.probabilities(pl.Series([long])), [softmax(TABLE[1])], atol=1e-6)


@settings(deadline=None, max_examples=30)
@given(texts=st.lists(st.sampled_from(TEXTS) | st.text(max_size=40), min_size=1, max_size=12), cut=st.integers(0, 12))
def test_a_score_is_that_of_its_text_alone(texts: list[str], cut: int, one: Any) -> None:
    whole = one.probabilities(pl.Series(texts))
    parts = [one.probabilities(pl.Series(part, dtype=pl.String)) for part in (texts[:cut], texts[cut:])]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load_onnx(str(of_texts(tmp_path_factory.mktemp("one"))))


def identity(folder: Path, kind: str, *shape: Any) -> Path:
    nodes = [node("Identity", ["x"], "y")]
    return write(folder / "other.onnx", nodes, [port("x", kind, *shape)], [port("y", kind, *shape)])


def two_outputs(folder: Path) -> Path:
    nodes = [node("StringNormalizer", ["text"], "same"), node("Size", ["same"], "n")]
    nodes += [node("Cast", ["n"], name, to=onnx.TensorProto.FLOAT) for name in ("first", "second")]
    return write(
        folder / "two.onnx", nodes, [port("text", "STRING", 1)], [port("first", "FLOAT"), port("second", "FLOAT")]
    )


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            lambda folder: identity(folder, "FLOAT", "n", 384),
            r"takes x: tensor\(float\)\[n, 384\]; .* tensor\(string\)",
        ),
        (lambda folder: identity(folder, "STRING", "n"), r"gives y: tensor\(string\)\[n\]: no output"),
        (two_outputs, "gives first: .*, second: .*name such a one as `output`"),
        (lambda folder: of_tokens(folder, tokenizer=False), "put its tokenizer.json beside it"),
    ],
)
def test_what_is_no_classifier_of_texts_is_refused_with_what_it_takes_and_gives(
    made: Callable[[Path], Path], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        load_classifier(str(made(tmp_path)))


def test_one_of_several_outputs_can_be_named(tmp_path: Path) -> None:
    path = str(two_outputs(tmp_path))
    assert load_onnx(path, output="second").probabilities(pl.Series(["a", "b"])).tolist() == [[1.0], [1.0]]
    with pytest.raises(UsageError, match='output = "third"'):
        load_onnx(path, output="third")


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_damaged_model_is_refused(size: int, tmp_path: Path) -> None:
    path = of_texts(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UsageError, match="not an ONNX model that can be run"):
        load_classifier(str(path))


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    path = of_tokens(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"')
    with pytest.raises(UsageError, match="not a tokenizer"):
        load_classifier(str(path))


def test_the_step_decides_by_a_label(tmp_path: Path) -> None:
    path = str(of_tokens(tmp_path))
    with pytest.raises(UsageError, match="ONNX model: say which label counts, one of 0, 1"):
        classifier(model=path)
    step = classifier(model=path, label="0", min_score=0.5)
    assert step.measure is not None
    texts = pl.DataFrame({"id": list("abcdef"), "text": [*TEXTS, " "]})
    scores = step.measure(texts)["classifier_score"]
    assert scores.dtype == pl.Float32
    assert scores.to_list()[:5] == pytest.approx([softmax(mean_of_tokens(text))[0] for text in TEXTS], abs=1e-6)
    assert scores[5] is None
    assert label_scores(texts["text"][:0], load_classifier(path), "0").is_empty()


def test_a_run_names_the_model_and_its_tokenizer_and_notices_another(tmp_path: Path) -> None:
    of_tokens(tmp_path)
    rows = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
    (tmp_path / "in.jsonl").write_text(rows)
    step = '{ use = "classifier", model = "tokens.onnx", label = "0", min_score = 0.5, top = 0.25 }'
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'name = "x"\n[[source]]\nname = "web"\nread = "tables"\npaths = ["in.jsonl"]\nsteps = [{step}]\n'
        '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.0\n'
    )
    for workers in (0, 2):
        run = curate.run(recipe, out=tmp_path / f"run{workers}", workers=workers, fresh=True)
        assert {"tokens.onnx", "tokenizer.json"} <= {file["name"] for file in run.manifest["models"]}
        assert run.documents().collect()["text"].to_list() == ["good book", "a great good thing"]
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    with pytest.raises(RunConflict, match=r"tokenizer\.json"):
        curate.run(recipe, out=tmp_path / "run0", workers=0)
