"""Runs compared by training on them: damaged data loses, equal data does not win, what is near training data goes."""

from __future__ import annotations

import json
import math
import pydoc_data.topics
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from curate.ablation.ablate import ablate
from curate.ablation.arms import Budget, open_arms, share_out
from curate.ablation.baselines import ngram_baselines
from curate.ablation.fit_mixture import fit_mixture
from curate.ablation.held_out import hold_out
from curate.ablation.mixture_runs import mixture_runs
from curate.ablation.ngrams import train_ngrams
from curate.ablation.verdict import ALL, PassageNats, judge_arms
from curate.errors import UsageError
from curate.tokenize.described_vocabulary import token_bytes_file, vocabulary_of
from curate.tokenize.encode import cut_text, load_tokenizer
from curate.tokenize.mix import Held, MixtureRecord, mixture_json, plan_mixture
from curate.tokenize.shards import write_shard

PIECES = [piece for _, text in sorted(pydoc_data.topics.topics.items()) for piece in cut_text(text, 2000)]
TOPICS = [piece for piece in PIECES if len(piece) > 1500]
random.Random(1).shuffle(TOPICS)


def write_run(run: Path, parts: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> Path:
    """A run folder of bytes: by source, its training and its validation texts."""
    tokenizer = load_tokenizer("bytes")
    held: dict[str, Held] = {}
    for source, texts in parts.items():
        for part, documents in zip(("train", "validation"), texts, strict=True):
            folder = run / "tokens" / part / source
            folder.mkdir(parents=True)
            tokens, offsets = tokenizer.encode_batch(list(documents))
            if len(tokens):
                names = pl.Series([f"{source}/{number}" for number in range(len(documents))])
                sizes = pl.Series([len(text.encode()) for text in documents])
                write_shard(folder, "00000", tokens, offsets, names, sizes)
            if part == "train":
                held[source] = Held(len(documents), len(tokens))
    available = {name: counts.tokens for name, counts in held.items()}
    mixture = plan_mixture(available, weights={}, tokens=None, max_epochs=4)
    record = MixtureRecord(mixture, 17, vocabulary_of(tokenizer, "bytes"), held)
    (run / "tokens" / "mixture.json").write_text(mixture_json(record), encoding="utf-8")
    (run / "tokens" / "token_bytes.bin").write_bytes(token_bytes_file(tokenizer))
    return run


def shuffled(text: str) -> str:
    words = text.split(" ")
    random.Random(len(text)).shuffle(words)
    return " ".join(words)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    train, validation = TOPICS[:90], TOPICS[90:110]
    other = [*train]
    random.Random(3).shuffle(other)
    return {
        "clean": write_run(folder / "clean", {"topics": (train, validation)}),
        "same": write_run(folder / "same", {"topics": (other, validation)}),
        "shuffled": write_run(folder / "shuffled", {"topics": ([shuffled(text) for text in train], validation)}),
        "backwards": write_run(folder / "backwards", {"topics": ([text[::-1] for text in train], validation)}),
    }


def test_shuffled_words_lose_and_equal_data_does_not_win(runs: dict[str, Path], tmp_path: Path) -> None:
    found = ablate([runs["clean"], runs["shuffled"], runs["same"]], tier="ngram", out=tmp_path / "out")
    assert found.overall["shuffled"].verdict == "worse"
    assert found.overall["shuffled"].p < 0.01
    assert found.overall["shuffled"].better_seeds == 0
    assert found.overall["same"].verdict == "not separable"
    assert [verdict.verdict for verdict in found.again] == ["not separable"]
    assert found.spread > 0  # seeds draw other halves
    saved = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert [arm["name"] for arm in saved["arms"]] == ["clean", "shuffled", "same"]


def test_finished_trials_are_read_again(runs: dict[str, Path], tmp_path: Path) -> None:
    both = [runs["clean"], runs["shuffled"]]
    first = ablate(both, tier="ngram", out=tmp_path, seeds=2)
    scores = sorted(tmp_path.glob("ngram/*/seed-*/held_out.json"))
    assert len(scores) == 6  # the baseline has as many seeds again
    times = [path.stat().st_mtime_ns for path in scores]
    assert ablate(both, tier="ngram", out=tmp_path, seeds=2) == first
    assert [path.stat().st_mtime_ns for path in scores] == times
    ablate(both, tier="ngram", out=tmp_path, seeds=2, tokens=50_000)  # of another trial: made anew
    assert [path.stat().st_mtime_ns for path in scores] != times


def test_a_small_model_tells_them_apart_too(runs: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the extra `train`")
    tiny = {"layers": 1, "width": 64, "heads": 1, "context": 64, "batch_rows": 16, "learning_rate": 1e-2}
    told: list[tuple[str, int]] = []
    found = ablate(
        [runs["clean"], runs["backwards"]],
        tier="nano",
        out=tmp_path,
        seeds=2,
        tokens=40 * 16 * 64,
        settings=tiny,
        device="cpu",
        threads=1,
        held_out_bytes=20_000,
        report=lambda progress: told.append((progress.arm, progress.seed)) if progress.step is None else None,
    )
    assert told == [("clean", 17), ("backwards", 17), ("clean", 18), ("backwards", 18), ("clean", 19), ("clean", 20)]
    assert found.overall["backwards"].verdict == "worse"
    assert found.arms[0].tokens == 40 * 16 * 64


def test_documents_of_the_validation_part_are_scored_one_by_one(runs: dict[str, Path]) -> None:
    torch = pytest.importorskip("torch", reason="training needs the extra `train`")
    from curate.train_min.config import ModelConfig
    from curate.train_min.loader import open_tokens
    from curate.train_min.model import GPT
    from curate.train_min.sequences import evaluate_documents

    config = ModelConfig(layers=1, width=16, heads=1, context=64, tied=True, vocab_size=257)
    model, data = GPT(config, generator=torch.Generator().manual_seed(1)), open_tokens(runs["clean"])
    [scores] = evaluate_documents(model, data)
    texts = [text.encode() for text in TOPICS[90:110]]
    assert scores.bytes.tolist() == scores.tokens.tolist() == [*map(len, texts)]
    assert scores.bits_per_byte == pytest.approx(8, abs=0.2)  # a model that knows nothing yet
    [first] = evaluate_documents(model, data, max_documents=3)
    assert np.allclose(first.nats, scores.nats[:3])


def test_what_training_data_holds_is_no_held_out_text(tmp_path: Path) -> None:
    copied = TOPICS[100].replace("the", "the very", 2)  # near, not equal
    a = write_run(tmp_path / "a", {"topics": (TOPICS[:40], TOPICS[90:105])})
    b = write_run(tmp_path / "b", {"topics": ([*TOPICS[40:80], copied], TOPICS[90:105])})
    found = hold_out(open_arms([a, b]), max_bytes=10**9)
    assert found.seen >= 1
    texts = "".join(found.rows["text"])
    assert TOPICS[100][:200] not in texts
    assert TOPICS[101][:200] in texts
    assert found.rows["owners"].to_list() == [["a", "b"]] * found.rows.height  # each once, of both
    alone = hold_out(open_arms([a, a]), max_bytes=10**9)  # b's copy is what takes it away
    assert TOPICS[100][:200] in "".join(alone.rows["text"])


def test_files_take_the_place_of_validation_parts(runs: dict[str, Path], tmp_path: Path) -> None:
    pl.DataFrame({"text": TOPICS[110:130]}).write_ndjson(tmp_path / "neutral.jsonl")
    both = [runs["clean"], runs["shuffled"]]
    found = ablate(both, tier="ngram", out=tmp_path / "out", held_out=[tmp_path / "neutral.jsonl", runs["clean"]])
    assert {verdict.group for verdict in found.verdicts} == {ALL, "neutral", "topics"}
    assert {verdict.verdict for verdict in found.verdicts} == {"worse"}


def test_each_run_best_on_its_own_texts_is_said(tmp_path: Path) -> None:
    broken = [shuffled(text) for text in TOPICS]
    a = write_run(tmp_path / "a", {"topics": (TOPICS[:90], TOPICS[90:110])})
    b = write_run(tmp_path / "b", {"topics": (broken[:90], broken[90:110])})
    found = ablate([a, b], tier="ngram", out=tmp_path / "out")
    assert [note for note in found.notes if "each predict what they hold out themselves better" in note]
    groups = {verdict.group: verdict.verdict for verdict in found.verdicts}
    assert groups["held out by a alone"] == "worse"
    assert groups["held out by b alone"] == "better"


def test_arms_of_two_tokenizers_get_equal_bytes(runs: dict[str, Path]) -> None:
    first, second = open_arms([runs["clean"], runs["same"]])
    assert share_out([first, second], 1000) == Budget("tokens", (1000, 1000))
    # A vocabulary whose ids stand for twice the bytes needs half the tokens.
    vocabulary = replace(second.data.record.vocabulary, fingerprint="f" * 64)
    record = replace(second.data.record, vocabulary=vocabulary)
    coarse = replace(second.data, record=record, token_bytes=2 * second.data.token_bytes)
    assert share_out([first, replace(second, data=coarse)], 1000) == Budget("bytes", (1000, 500))


def test_small_runs_over_mixtures_are_trained_once(tmp_path: Path) -> None:
    """Two sources: prose, and noise that only costs; so prose is what is recommended."""
    letters = np.random.default_rng(4).integers(97, 123, (40, 1500)).astype(np.uint8)
    noise = [bytes(row).decode() for row in letters]
    run = write_run(tmp_path / "run", {"prose": (TOPICS[:60], TOPICS[90:110]), "noise": (noise, [])})
    table = mixture_runs(run, out=tmp_path / "out", count=8, tokens=40_000)
    found = fit_mixture(table, parameters=0)
    assert found.runs == 8
    prose = next(row for row in found.weights if row.source == "prose")
    assert prose.weight > prose.mean
    assert not found.is_flat
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*/training/held_out.json"))]
    mixture_runs(run, out=tmp_path / "out", count=8, tokens=40_000)
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*/training/held_out.json"))] == times
    one = write_run(tmp_path / "one", {"prose": (TOPICS[:10], TOPICS[90:95])})
    with pytest.raises(UsageError, match="draws from one source"):
        mixture_runs(one, out=tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": ["clean"]}, "needs two runs"),
        ({"tier": "t7"}, 'there is no tier "t7"'),
        ({"settings": {"steps": 3}, "tier": "nano"}, "give --tokens"),
        ({"settings": {"width": 3}}, 'has the one setting "order"'),
        ({"seeds": 0}, "seeds is 0"),
        ({"alpha": 1.5}, "alpha is 1.5"),
        ({"held_out": ["nothing.jsonl"]}, 'no file or run "nothing.jsonl"'),
    ],
)
def test_bad_input_is_one_line(
    runs: dict[str, Path], tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    pytest.importorskip("torch", reason="training needs the extra `train`")
    asked = {"tier": "ngram", "out": tmp_path, **arguments}
    names = asked.pop("runs", ["clean", "shuffled"])
    with pytest.raises(UsageError, match=message) as told:
        ablate([runs[name] for name in names], **asked)  # type: ignore[arg-type, attr-defined]
    assert "\n" not in str(told.value)


def test_runs_without_tokens_or_shared_texts_are_named(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty holds no tokens"):
        ablate([runs["clean"], tmp_path / "empty"], tier="ngram", out=tmp_path / "out")
    bare = write_run(tmp_path / "bare", {"topics": (TOPICS[:20], [])})
    with pytest.raises(UsageError, match="no shared held-out documents: no run has a validation part"):
        ablate([bare, bare], tier="ngram", out=tmp_path / "out")
    learned = write_run(tmp_path / "learned", {"topics": (TOPICS[:20], TOPICS[:20])})
    with pytest.raises(UsageError, match="near to what a run is trained on"):
        ablate([learned, bare], tier="ngram", out=tmp_path / "out")


def test_probabilities_after_any_context_sum_to_one() -> None:
    rows = np.random.default_rng(1).integers(0, 30, (40, 100))
    model = train_ngrams([rows], order=3, vocab_size=40)
    assert model.unseen == 10
    for before in ([0, 1], [7, 7], [39, 2]):
        windows = np.array([[*before, token] for token in range(40)])
        total = np.exp([-model.token_nats(row, before[0])[-1] for row in windows]).sum()
        assert total == pytest.approx(1, abs=0.02)  # a hundredth is left for the ends of rows


def test_a_bigram_costs_less_than_a_unigram_and_more_than_a_trigram(runs: dict[str, Path]) -> None:
    found = ngram_baselines(runs["clean"], orders=(1, 2, 3))
    assert found[1]["topics"] > found[2]["topics"] > found[3]["topics"] > 1


def test_a_trained_model_stands_beside_the_best_of_its_n_grams() -> None:
    pytest.importorskip("torch", reason="training needs the extra `train`")
    from curate.report.terminal.training import scores_table
    from curate.train_min.evaluate import SourceScore
    from curate.train_min.train import TrainResult

    score = SourceScore("web", 100, 300, 3.0, 1.8, 3.0)
    result = TrainResult(Path("c"), 200, 900_000, (score,), ("code",), False)
    table = scores_table(result, {3: {"web": 2.0}, 2: {"web": 2.2}})
    columns = {str(column.header): [*column.cells] for column in table.columns}
    assert [*columns][3:] == ["bits per byte", "unigram", "bigram", "trigram", "better by"]
    assert columns["better by"] == ["10%", "-"]
    assert columns["trigram"] == ["2.000", "-"]
    assert [*scores_table(result).columns[-1].cells] == ["40%", "-"]


def measured(differences: np.ndarray, spread: float, seeds: int = 3, documents: int = 40) -> PassageNats:
    """An arm that differs by some nats a document from the baseline, both with noise of their seeds, 100 bytes each."""
    generator = np.random.default_rng(11)
    base = generator.normal(100, 10, documents)
    noise = generator.normal(0, spread, 3 * seeds)[:, None]
    nats = {"a": base + noise[: 2 * seeds], "b": base + differences + noise[2 * seeds :]}
    names = [f"d{number}" for number in range(documents)]
    return PassageNats(np.full(documents, 100), ["web"] * documents, names, nats)


def test_the_interval_without_noise_of_seeds_is_that_of_a_t_test_over_documents() -> None:
    differences = np.random.default_rng(2).normal(0.5, 2, 40)
    [overall] = judge_arms(measured(differences, 0.0), 3)
    exact = stats.ttest_1samp(differences / 100 / math.log(2), 0)
    low, high = exact.confidence_interval(0.95)
    assert overall.difference == pytest.approx(float(differences.mean() / 100 / math.log(2)))
    assert overall.low == pytest.approx(low, abs=0.0012)
    assert overall.high == pytest.approx(high, abs=0.0012)
    assert overall.p == pytest.approx(exact.pvalue, abs=0.04)


def test_noise_of_seeds_is_no_difference() -> None:
    """Documents agree on who is better, as each model is a little better everywhere; seeds do not."""
    verdicts = [judge_arms(measured(np.zeros(40), 1.0 + number / 100), 3)[0] for number in range(20)]
    assert {verdict.verdict for verdict in verdicts} == {"not separable"}
    assert judge_arms(measured(np.full(40, 8.0), 1.0), 3)[0].verdict == "worse"
    assert judge_arms(measured(np.full(40, -8.0), 1.0), 3)[0].verdict == "better"


def test_one_training_alone_is_judged_by_the_second_one_of_the_baseline() -> None:
    base = measured(np.full(40, 1.0), 1.0)
    one = base._replace(nats={"a": base.nats["a"][:2], "b": base.nats["b"][:1]})
    assert judge_arms(one, 1)[0].verdict == "not separable"


def test_equal_arms_are_told_apart_as_seldom_as_asked_also_where_one_scatters_more() -> None:
    drawn = np.random.default_rng(5)
    for times in (1, 3):
        noise = [drawn.normal(0, 1, 9)[:, None] + drawn.normal(0, 0.5, (9, 40)) for _ in range(100)]
        arms = [
            PassageNats(
                np.full(40, 100),
                ["web"] * 40,
                [f"d{at}" for at in range(40)],
                {"a": 100 + each[:6], "b": 100 + times * each[6:]},
            )
            for each in noise
        ]
        told = sum(judge_arms(arm, 3)[0].verdict != "not separable" for arm in arms)
        assert told <= 11, "of 100 at 5 %, with a chance of 1 %"


def test_an_arm_whose_trainings_scatter_hides_nothing_that_another_one_shows() -> None:
    """As full trainings of tier t1 on German text do, 80 times as much as those on the English that is asked about."""
    base = measured(np.full(40, 1.0), 0.05)
    wild = np.stack([base.nats["a"][0] + 100 + off for off in (-9.0, 2.0, 7.0)])
    both = {verdict.arm: verdict for verdict in judge_arms(base._replace(nats={**base.nats, "wild": wild}), 3)}
    [alone] = judge_arms(base, 3)
    assert alone.p < 0.01
    assert (both["b"].p, both["b"].verdict) == (alone.p, "worse")
    assert both["wild"].verdict == "worse"


def test_more_questions_need_more_certainty() -> None:
    base = measured(np.random.default_rng(2).normal(0.75, 2, 40), 0.0)
    [alone] = judge_arms(base, 3)
    assert alone.verdict == "worse"
    many = {"a": base.nats["a"], **{f"b{number}": base.nats["b"] for number in range(9)}}
    crowd = [verdict for verdict in judge_arms(base._replace(nats=many), 3) if verdict.group == ALL]
    assert {verdict.p for verdict in crowd} == {alone.p}
    assert {verdict.verdict for verdict in crowd} == {"not separable"}


def test_passages_of_few_documents_are_drawn_one_by_one() -> None:
    base = measured(np.full(40, 1.0), 0.0)
    few = base._replace(document=["a", "b"] * 20)
    assert judge_arms(few, 3)[0].of == "passages"
    assert judge_arms(base, 3)[0].of == "documents"
    assert len(judge_arms(base._replace(source=["web"] * 35 + ["tiny"] * 5), 3)) == 1
    halves = judge_arms(base._replace(source=["web"] * 20 + ["books"] * 20), 3)
    assert [verdict.group for verdict in halves] == [ALL, "web", "books"]
