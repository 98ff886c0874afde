"""A language model of one's own: trained on reference texts, judged on those that it has not seen, asked about files.

tables, runs ─▶ n-grams ─▶ Kneser–Ney ─▶ model ─┬▶ perplexity of what was held out ─▶ card
                                                └▶ terciles of a sample ─▶ head, middle, tail
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curate.engine.whole import target_of
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.ngram.arpa import read_arpa, write_arpa
from curate.filters.ngram.counts import NgramCounts
from curate.filters.ngram.file import KENLM_BINARY, MAGIC, NgramTables, read_tables, write_tables
from curate.filters.ngram.kneser_ney import cutoffs_of, estimate
from curate.filters.ngram.model import NgramModel, load_ngram_model, perplexities_of
from curate.filters.ngram.table import Scores, build_table
from curate.filters.ngram.words import Units
from curate.run_files import Part
from curate.standalone.labeled import LABEL
from curate.standalone.model_files import card_path, check_target, model_part, write_card
from curate.standalone.outputs import check_places
from curate.standalone.perplexity_judged import UNKNOWN_BITS, JudgedModel, TotalScores, find_borders, judge
from curate.standalone.reference import Reference, open_reference
from curate.standalone.tables import Unread
from curate.standalone.writing import write_frame
from curate.version import __version__

DEFAULT_ORDER = 5
DEFAULT_SHARE = 0.02
SCORED = {"id": pl.String, "perplexity": pl.Float32, "bucket": pl.String, "words": pl.Int64, "unknown": pl.Int64}


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A language model on disk, what its card says, and what of the files could not be read."""

    model: Path
    card: Mapping[str, Any]
    held_out: JudgedModel
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True)
class ScoredFiles:
    """How a model did on files, where the scores are (None: nowhere), and what of the files could not be read."""

    path: Path | None
    judged: JudgedModel
    unread: tuple[Unread, ...]


def train_perplexity(
    inputs: Sequence[str | Path],
    *,
    out: str | Path,
    order: int = DEFAULT_ORDER,
    prune: Sequence[int] = (),
    units: Units = "words",
    text: str = "text",
    validation: float | Sequence[str | Path] = DEFAULT_SHARE,
    terciles: Sequence[str | Path] = (),
    language: str | None = None,
    arpa: str | Path | None = None,
    seed: int = 17,
    force: bool = False,
) -> TrainedModel:
    """Train an n-gram model on tables of texts, what recipes keep, and runs; write it, and a card, `out` + `.json`.

    `prune` says, for each length, how often an n-gram may have been seen and is left out: (0, 0, 1) leaves out those of
    three words and more that stand once. Of tables the share `validation` of the texts is held out, chosen by a hash of
    the text, or it names files; of a run its validation part is never learned from. `terciles` are files whose
    documents' perplexities set the borders of head, middle and tail, with `language`, a column of theirs, for each
    language. `arpa` names a file for the model as text, before it is quantized. The same inputs and options give the
    same bytes.

    Raises:
        UsageError: an option is wrong, a file or column is missing, there is no word to learn from; `out` exists and
            `force` is not given, or is one of the files.
    """
    target, cutoffs = Path(out), cutoffs_of(prune, order)
    share = float(validation) if isinstance(validation, int | float) else 0.0
    if not 0 <= share < 1:
        raise UsageError(f"the share that is held out is {share}; it lies between 0 and 1")
    reference = open_reference(inputs, text=text, share=share, seed=seed)
    tests = reference if isinstance(validation, int | float) else open_reference(validation, text=text)
    sample = _sample(terciles, text, language)
    others = [card_path(target), *([Path(arpa)] if arpa else [])]
    read = reference.paths() | tests.paths() | (sample.paths() if sample else set())
    _check_targets([target, *others], read, force)
    tables, facts = _learn(reference, order, units, cutoffs, None if arpa is None else Path(arpa))
    with model_part(target) as part:
        tables = _write(part, tables, sample)
        model = load_ngram_model(str(part))
        judged = judge(model, tests, "validation" if tests is reference else None)
        held_out = {"share": share} if tests is reference else {"data": tests.files()}
        card = _card(target, model, sample) | facts | {"seed": seed, "held_out": held_out | asdict(judged)}
    write_card(target, card)
    return TrainedModel(target, card, judged, _unread(reference, tests, sample))


def convert_perplexity(
    file: str | Path,
    *,
    out: str | Path,
    units: Units = "spaces",
    terciles: Sequence[str | Path] = (),
    text: str = "text",
    language: str | None = None,
    force: bool = False,
) -> TrainedModel:
    """Make a model of an ARPA file, whose words are `units` of a text, or give a model (`.clm`) other terciles.

    Raises:
        UsageError: the file is neither; `out` exists and `force` is not given, or is one of the files.
    """
    target, sample = Path(out), _sample(terciles, text, language)
    _check_targets([target, card_path(target)], {Path(file).resolve()} | (sample.paths() if sample else set()), force)
    if units not in ("words", "spaces"):
        raise UsageError(f'an ARPA file has words: units is "{units}"; "spaces" or "words" would be right')
    tables = _tables_of(Path(file), units)
    with model_part(target) as part:
        _write(part, tables, sample)
        made_of = {"name": Path(file).name, "sha256": file_sha256(str(file), what="model")}
        card = _card(target, load_ngram_model(str(part)), sample) | {"made_of": made_of}
    write_card(target, card)
    return TrainedModel(target, card, JudgedModel(0, 0, 0, 0, None, None), _unread(sample))


def score_perplexity(
    model: str | Path,
    inputs: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    text: str = "text",
    language: str | None = None,
    part: Part | None = None,
    force: bool = False,
) -> ScoredFiles:
    """How well a model predicts tables of texts, and runs, of which `part` takes one part alone.

    `out`, Parquet or JSON Lines, gets `id, perplexity, bucket, words, unknown` of each row with a text. A model of
    bytes or tokens gives bits per byte, which compare with those of `curate train`; a model of words does not predict
    spaces and capitals, and has none.

    Raises:
        UsageError: the model cannot be loaded, a file or column is missing; `out` exists and `force` is not given.
    """
    asked = load_ngram_model(str(model))
    reference = open_reference(inputs, text=text, label=language, share=float(part == "validation"))
    if out is None:
        return ScoredFiles(None, judge(asked, reference, part), _unread(reference))
    target = Path(out)
    check_places({"--out": target}, patterns=[*map(str, inputs)], inputs=map(str, reference.paths()))
    _check_targets([target], reference.paths(), force)
    rows, totals = [pl.DataFrame(schema=SCORED)], TotalScores()
    for frame in reference.frames(part):
        scores = asked.scores(frame["text"])
        rows.append(_scored(asked, frame, scores))
        totals.add(scores, int(frame["text"].str.len_bytes().sum()))
    write_frame(pl.concat(rows), target)
    return ScoredFiles(target, totals.judged(asked.units), _unread(reference))


def _learn(
    reference: Reference, order: int, units: Units, cutoffs: Sequence[int], arpa: Path | None
) -> tuple[NgramTables, dict[str, Any]]:
    """The model, and what its card says of how it came about; what was counted is gone when this is done."""
    counts = _count(reference, order, units, with_seen=any(cutoffs), spelled=arpa is not None)
    trie = counts.trie()
    estimates = estimate(trie, cutoffs)
    if arpa is not None:
        with model_part(arpa) as part, part.open("wb") as file:
            write_arpa(file, trie, estimates, counts.words)
    lengths = tuple(np.bincount(estimates.lengths, minlength=order + 1)[1:].tolist())
    facts = {
        "prune": list(cutoffs),
        "data": reference.files(),
        "trained_on": {"words": counts.tokens, "sentences": counts.sentences},
        "discounts": [[round(float(value), 6) for value in row[1:]] for row in estimates.discounts[1:]],
        "discounts_fell_back": list(estimates.fell_back),
    }
    return NgramTables(build_table(trie, estimates), units, lengths, {}), facts


def _count(reference: Reference, order: int, units: Units, *, with_seen: bool, spelled: bool) -> NgramCounts:
    counts = NgramCounts(order, units=units, with_seen=with_seen)
    if spelled and units in UNKNOWN_BITS:
        raise UsageError(f"{units} are numbers: a model of them is not written as an ARPA file")
    for piece in reference.pieces(units, "train", places=spelled):
        counts.add(piece.stream, piece.texts if spelled else None)
    if not counts.tokens:
        raise UsageError("there is no word to learn from in what was given")
    return counts


def _tables_of(file: Path, units: Units) -> NgramTables:
    try:
        with file.open("rb") as opened:
            head = opened.read(len(KENLM_BINARY))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    if head.startswith((MAGIC, KENLM_BINARY)):
        return read_tables(str(file))
    table, counts = read_arpa(file)
    return NgramTables(table, units, counts, {})


def _sample(files: Sequence[str | Path], text: str, language: str | None) -> Reference | None:
    return open_reference(files, text=text, label=language) if files else None


def _write(part: Path, tables: NgramTables, sample: Reference | None) -> NgramTables:
    """Write a model, and where there is a sample write it again with the borders that it finds there."""
    with part.open("wb") as file:
        write_tables(file, tables)
    if sample is None:
        return tables
    tables = replace(tables, borders=find_borders(load_ngram_model(str(part)), sample))
    with part.open("wb") as file:
        write_tables(file, tables)
    return tables


def _scored(model: NgramModel, rows: pl.DataFrame, scores: Scores) -> pl.DataFrame:
    values = perplexities_of(scores)
    languages = rows[LABEL].cast(pl.String) if LABEL in rows.columns else None
    found = (rows["id"], values, model.buckets(values, languages), scores.words, scores.unknown)
    return pl.DataFrame(dict(zip(SCORED, found, strict=True)), schema=SCORED)


def _card(target: Path, model: NgramModel, sample: Reference | None) -> dict[str, Any]:
    """Nothing of when and where: the same data and options give the same card."""
    tables = model.tables
    return {
        "model": target.name,
        "bytes": Path(model.file.path).stat().st_size,
        "sha256": model.file.sha256,
        "made_with": {"curate": __version__},
        "order": tables.table.order,
        "units": tables.units,
        "ngrams": list(tables.counts),
        "steps_of_logarithms": [round(float(value), 6) for value in tables.table.scales[1:, 1]],
        "borders": {name: list(pair) for name, pair in tables.borders.items()},
    } | ({"terciles": sample.files()} if sample else {})


def _unread(*references: Reference | None) -> tuple[Unread, ...]:
    tables = [reference.tables for reference in references if reference is not None]
    return tuple(sorted(set[Unread]().union(*(one.unread for one in tables if one is not None))))


def _check_targets(paths: Sequence[Path], inputs: set[Path], force: bool) -> None:
    if len({target_of(path) for path in paths}) < len(paths):
        raise UsageError(f"{paths[-1]} is written twice: name two files")
    for path in paths:
        check_target(path, inputs=inputs, force=force)
