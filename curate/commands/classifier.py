"""`curate classifier`: a classifier of one's own, fastText or linear, trained, judged, and asked."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.commands.arguments import Parser, add_command, add_force, add_json, add_run, count, new_file, positive
from curate.commands.plain import FORMATS, tell_unread
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "classifier",
        "train a classifier on labeled tables, judge it, and ask it",
        train,
        about='A recipe\'s step "classifier" asks such a model of every document. docs/classifier.md says more.',
        examples=["curate classifier train labeled.jsonl --label quality --out quality.bin"],
    )
    actions = command.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _add_train(actions)
    _add_evaluate(actions)
    _add_apply(actions)
    _add_threshold(actions)


def _add_train(actions: Any) -> None:
    command = add_command(
        actions,
        "train",
        "train a classifier on labels or on two sides, and say how it does on texts that it has not seen",
        train,
        about='fastText needs its library (pip install "curate-corpus[classifier]"), a linear model nothing.',
        examples=[
            "curate classifier train good.jsonl bad.parquet --label quality --out quality.bin",
            "curate classifier train --kind linear --positive runs/books --negative spam.jsonl --out quality.bin",
        ],
    )
    _add_files(command, "*")
    _add_label(command, required=False)
    words = "instead of FILE and --label: a file or folder of wanted texts, or a finished run; may be repeated"
    command.add_argument("--positive", action="append", default=[], metavar="FILE|RUN", help=words)
    words = "and one of unwanted texts; may be repeated"
    command.add_argument("--negative", action="append", default=[], metavar="FILE|RUN", help=words)
    words = "fasttext, or linear: two labels, no library, calibrated (default: fasttext)"
    command.add_argument("--kind", choices=("fasttext", "linear"), default="fasttext", help=words)
    words = 'of two labels the one that a linear model finds (default: "positive", or the one that sorts last)'
    command.add_argument("--target", metavar="LABEL", help=words)
    words = "the model: .bin, or .ftz, which is quantized; FILE.json beside it says what it is"
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=words)
    words = "the share of the texts kept for validation (default: 0.1), or a file of them; may be repeated"
    command.add_argument("--validation", action="append", metavar="SHARE|FILE", help=words)
    words = "what is held out: any texts, or all of some origins: hosts of URLs, or files (default: text)"
    command.add_argument("--hold-out", choices=("text", "origin"), default="text", help=words)
    words = "for .ftz: quantize to at most so many bytes (default: 2,000,000)"
    command.add_argument("--max-bytes", type=positive, metavar="N", help=words)
    _add_training(command)
    add_force(command)
    add_json(command)


def _add_training(command: argparse.ArgumentParser) -> None:
    """What fastText itself calls so, or nearly."""
    command.add_argument("--dim", type=positive, metavar="N", help="numbers that stand for a word (default: 50)")
    command.add_argument(
        "--epochs", type=positive, metavar="N", help="times that each text is seen (default: 10; linear: 15)"
    )
    words = "the learning rate at the start, which falls to 0 (default: 0.3)"
    command.add_argument("--learning-rate", type=float, metavar="RATE", help=words)
    words = "words in a row that count as one feature (default: 2)"
    command.add_argument("--word-ngrams", type=positive, metavar="N", help=words)
    words = "how often a word must stand in the texts to be a feature (default: 2)"
    command.add_argument("--min-count", type=positive, metavar="N", help=words)
    command.add_argument("--bucket", type=positive, metavar="N", help="slots for n-grams (default: 250,000)")
    words = "the shortest part of a word that is a feature, in characters (default: 0, none)"
    command.add_argument("--min-ngram", type=count, metavar="N", help=words)
    command.add_argument("--max-ngram", type=count, metavar="N", help="and the longest (default: 0)")
    words = "the loss of fastText that is used (default: softmax)"
    command.add_argument("--loss", choices=("softmax", "ova", "hs", "ns"), help=words)
    words = "linear: 2 ** N bytes and as many places for features (default: 18)"
    command.add_argument("--bits", type=positive, metavar="N", help=words)
    words = "linear: what a mistake costs against large weights (default: 1.0)"
    command.add_argument("--cost", type=float, metavar="COST", help=words)
    words = (
        "linear: marks, line ends and shapes of words count, too, parts of words do not: for quality, not for topics"
    )
    command.add_argument("--layout", action="store_true", help=words)
    words = "the seed of the training, and of the choice of validation texts (default: 17)"
    command.add_argument("--seed", type=count, metavar="N", help=words)


def _add_evaluate(actions: Any) -> None:
    command = add_command(
        actions,
        "evaluate",
        "say how a model does on labeled tables: precision and recall of each label",
        evaluate,
        examples=["curate classifier evaluate quality.bin more.jsonl --label quality"],
    )
    _add_model(command)
    _add_files(command)
    _add_label(command)
    add_json(command)


def _add_apply(actions: Any) -> None:
    command = add_command(
        actions,
        "apply",
        "write the likeliest label of every row, and its score",
        apply,
        examples=["curate classifier apply quality.bin pages.parquet --out scores.parquet"],
    )
    _add_model(command)
    _add_files(command)
    words = f"id, label and score of every row with a text ({FORMATS})"
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=words)
    add_force(command)
    add_json(command)


def _add_threshold(actions: Any) -> None:
    command = add_command(
        actions,
        "threshold",
        "find the threshold by which a finished run would keep the best share of each source, exactly",
        threshold,
        about="The run's step needs no threshold itself: without one it only measures. DCLM keeps the top tenth.",
        examples=["curate classifier threshold runs/scored --top 0.1 --name quality"],
    )
    add_run(command)
    words = "the share of the documents to keep, those with the highest scores"
    command.add_argument("--top", type=float, required=True, metavar="SHARE", help=words)
    words = 'the name of the step\'s signal, without "_score" (default: classifier)'
    command.add_argument("--name", default="classifier", metavar="NAME", help=words)
    words = "a threshold for each language of a source"
    command.add_argument("--by-language", action="store_true", help=words)
    add_json(command)


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, metavar="MODEL", help="a linear model, or a supervised fastText one")


def _add_files(command: argparse.ArgumentParser, count: str = "+") -> None:
    words = "Parquet or JSON Lines (.gz, .zst), or folders of them"
    command.add_argument("files", nargs=count, metavar="FILE", help=words)
    command.add_argument("--text", default="text", metavar="COLUMN", help='the column of texts (default: "text")')


def _add_label(command: argparse.ArgumentParser, *, required: bool = True) -> None:
    command.add_argument("--label", required=required, metavar="COLUMN", help="the column of labels")


OPTIONS = (
    "dim",
    "epochs",
    "learning_rate",
    "word_ngrams",
    "min_count",
    "bucket",
    "min_ngram",
    "max_ngram",
    "loss",
    "seed",
)
LINEAR = ("bits", "cost", "layout")


def train(options: argparse.Namespace) -> int:
    from curate.standalone.classifier import train_classifier
    from curate.standalone.model_files import card_path

    made = train_classifier(
        options.files,
        label=options.label,
        positive=options.positive,
        negative=options.negative,
        kind=options.kind,
        target=options.target,
        out=options.out,
        text=options.text,
        validation=_validation(options.validation),
        hold_out=options.hold_out,
        training=_training(options),
        max_bytes=options.max_bytes,
        force=options.force,
    )
    code = tell_unread(made.unread)
    if options.json:
        say_json(dict(made.card))
        return code
    rows = made.card["trained_on"]["rows"]
    say(f"{made.model}: {made.card['bytes']:,} bytes, trained on {rows:,} rows; {card_path(made.model).name} has all.")
    say()
    _show(made.held_out, made.card["trained_on"]["labels"])
    _show_card(made.card)
    first = options.target or ("positive" if options.positive else next(iter(made.held_out.labels)))
    say()
    say(f'In a recipe: {{ use = "classifier", model = "{made.model}", label = "{first}", min_score = 0.5 }}')
    return code


def _training(options: argparse.Namespace) -> Any:
    """The options of the kind that is trained.

    Raises:
        UsageError: one of the other kind is given.
    """
    from dataclasses import replace

    from curate.errors import UsageError
    from curate.filters.fasttext_train import Training
    from curate.filters.linear_train import LAYOUT, LinearTraining

    given = {
        name: getattr(options, name) for name in (*OPTIONS, *LINEAR) if getattr(options, name) not in (None, False)
    }
    known = {"seed", "epochs", "min_count", *LINEAR} if options.kind == "linear" else {*OPTIONS}
    if foreign := [name for name in given if name not in known]:
        raise UsageError(f"--{foreign[0].replace('_', '-')} is not for a model of the kind {options.kind}")
    if options.kind == "fasttext":
        return Training(**given)
    features = LAYOUT if given.pop("layout", False) else LinearTraining().features
    features = features._replace(bits=given.pop("bits", features.bits))
    return replace(LinearTraining(features=features), **given)


def _validation(words: list[str] | None) -> float | list[str]:
    try:
        return 0.1 if words is None else float(words[0]) if len(words) == 1 else words
    except ValueError:
        return words or []


def evaluate(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from curate.standalone.classifier import evaluate_classifier

    found = evaluate_classifier(options.model, options.files, label=options.label, text=options.text)
    code = tell_unread(found.unread)
    if options.json:
        say_json(asdict(found.judged))
    else:
        _show(found.judged, {})
    return code


def apply(options: argparse.Namespace) -> int:
    from curate.standalone.classifier import apply_classifier

    made = apply_classifier(options.model, options.files, out=options.out, text=options.text, force=options.force)
    code = tell_unread(made.unread)
    if options.json:
        say_json({"path": str(made.path), "rows": made.rows})
    else:
        say(f"{made.path}: {made.rows:,} rows.")
    return code


def threshold(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from curate.report.score_threshold import score_thresholds
    from curate.run_folder import RunFolder

    run = RunFolder(options.run)
    found = score_thresholds(run, top=options.top, name=options.name, by_language=options.by_language)
    if options.json:
        say_json([asdict(each) for each in found])
        return 0
    for each in found:
        place = each.source if each.language is None else f"{each.source}, {each.language}"
        say(f"{place}: {each.step}.min_score = {each.min_score!r} keeps {each.kept:,} of {each.documents:,} documents")
    return 0


def _show_card(card: Mapping[str, Any]) -> None:
    """What of the card is worth a look at once: is a score as sure as it says, and is it the origins that are known?"""
    held = card["held_out"]
    told = ", ".join(f"{each['score']:.2f} {each['right']:.0%}" for each in held["calibration"])
    say(f"Texts by the likeliest label's mean score, and how many of them have it: {told}.")
    leak = held["leak"]
    if leak["rows_of_known"] and leak["rows_of_new"]:
        known, new = leak["accuracy_of_known"], leak["accuracy_of_new"]
        say(f"Right where the model knows other texts of the origin: {known:.1%} of {leak['rows_of_known']:,}; ")
        say(f"where it knows none: {new:.1%} of {leak['rows_of_new']:,}.")
    for origin in held["origins"][:5]:
        say(f"{origin['origin']}: {origin['wrong']:,} of {origin['rows']:,} mistaken, mostly {origin['mistake']}.")
    for label, words in card.get("strongest_words", {}).items():
        say(f"{label}: {', '.join(words)}")


def _show(judged: Any, trained: Mapping[str, int]) -> None:
    from curate.report.terminal.classifier import scores_table

    show(scores_table(judged, trained))
    say(f"{judged.accuracy:.1%} of {judged.rows:,} rows have the label that the model finds likeliest.")
