"""`curate classifier`: a fastText classifier of one's own trained, judged, and asked."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate.commands.arguments import Parser, add_command, add_force, add_json, count, new_file, positive
from curate.commands.plain import FORMATS, tell_unread
from curate.terminal import say, say_json, show


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "classifier",
        "train a fastText classifier on labeled tables, judge it, and ask it",
        train,
        about='A recipe\'s step "fasttext" asks such a model of every document. docs/classifier.md says more.',
        examples=["curate classifier train labeled.jsonl --label quality --out quality.bin"],
    )
    actions = command.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _add_train(actions)
    _add_evaluate(actions)
    _add_apply(actions)


def _add_train(actions: Any) -> None:
    command = add_command(
        actions,
        "train",
        "train a classifier on the labels of a column, and say how it does on texts that it has not seen",
        train,
        about='It needs the library: pip install "curate-corpus[classifier]".',
        examples=["curate classifier train good.jsonl bad.parquet --label quality --out quality.bin"],
    )
    _add_files(command)
    _add_label(command)
    words = "the model: .bin, or .ftz, which is quantized; FILE.json beside it says what it is"
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=words)
    words = "the share of the texts kept for validation (default: 0.1), or a file of them; may be repeated"
    command.add_argument("--validation", action="append", metavar="SHARE|FILE", help=words)
    words = "for .ftz: quantize to at most so many bytes (default: 2,000,000)"
    command.add_argument("--max-bytes", type=positive, metavar="N", help=words)
    _add_training(command)
    add_force(command)
    add_json(command)


def _add_training(command: argparse.ArgumentParser) -> None:
    """What fastText itself calls so, or nearly."""
    command.add_argument("--dim", type=positive, metavar="N", help="numbers that stand for a word (default: 50)")
    command.add_argument("--epochs", type=positive, metavar="N", help="times that each text is seen (default: 10)")
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


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, metavar="MODEL", help="a supervised fastText model, .bin or .ftz")


def _add_files(command: argparse.ArgumentParser) -> None:
    words = "Parquet or JSON Lines (.gz, .zst), or folders of them"
    command.add_argument("files", nargs="+", metavar="FILE", help=words)
    command.add_argument("--text", default="text", metavar="COLUMN", help='the column of texts (default: "text")')


def _add_label(command: argparse.ArgumentParser) -> None:
    command.add_argument("--label", required=True, metavar="COLUMN", help="the column of labels")


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


def train(options: argparse.Namespace) -> int:
    from curate.filters.fasttext_train import Training
    from curate.standalone.classifier import card_path, train_classifier

    given = {name: getattr(options, name) for name in OPTIONS if getattr(options, name) is not None}
    made = train_classifier(
        options.files,
        label=options.label,
        out=options.out,
        text=options.text,
        validation=_validation(options.validation),
        training=Training(**given),
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
    first = next(iter(made.held_out.labels))
    say()
    say(f'In a recipe: {{ use = "fasttext", model = "{made.model}", label = "{first}", min_score = 0.5 }}')
    return code


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


def _show(judged: Any, trained: Mapping[str, int]) -> None:
    from curate.report.terminal.classifier import scores_table

    show(scores_table(judged, trained))
    say(f"{judged.accuracy:.1%} of {judged.rows:,} rows have the label that the model finds likeliest.")
