"""`curate perplexity`: an n-gram language model of one's own trained, made of an ARPA file, and asked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import Parser, add_command, add_force, add_json, count, new_file, positive
from curate.commands.plain import FORMATS, tell_unread
from curate.terminal import say, say_json


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "perplexity",
        "train an n-gram language model on reference texts, and ask how well it predicts others",
        train,
        about='A recipe\'s step "perplexity" asks such a model of every document. docs/perplexity.md says more.',
        examples=["curate perplexity train wiki.parquet --out wiki.clm --terciles crawl.parquet"],
    )
    actions = command.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _add_train(actions)
    _add_score(actions)
    _add_convert(actions)


def _add_train(actions: Any) -> None:
    command = add_command(
        actions,
        "train",
        "train a language model with interpolated modified Kneser-Ney smoothing",
        train,
        about="All n-grams are counted in memory: some 130 MB for each million words of prose, at order 5.",
        examples=[
            "curate perplexity train wiki.parquet --out wiki.clm --terciles crawl.parquet",
            "curate perplexity train runs/mini --units tokens --out baseline.clm",
        ],
    )
    _add_inputs(command)
    _add_out(command)
    command.add_argument("--order", type=positive, metavar="N", help="words of the longest n-gram (default: 5)")
    words = "leave out n-grams that stand at most so often: a number for each length, 0 for words by themselves; "
    words += "the last one is for all that are longer (default: 0)"
    command.add_argument("--prune", type=count, nargs="+", metavar="N", help=words)
    words = "what is predicted: words, folded (default); spaces: words as they stand between white space; bytes; or "
    words += "the tokens of a run"
    command.add_argument("--units", choices=("words", "spaces", "bytes", "tokens"), help=words)
    words = "the share of the texts kept for validation (default: 0.02), or a file of them; may be repeated"
    command.add_argument("--validation", action="append", metavar="SHARE|FILE", help=words)
    _add_terciles(command)
    words = "write the model as an ARPA file, too, as it is before it is quantized"
    command.add_argument("--arpa", type=new_file, metavar="FILE", help=words)
    command.add_argument("--seed", type=count, metavar="N", help="of the choice of validation texts (default: 17)")
    add_force(command)
    add_json(command)


def _add_score(actions: Any) -> None:
    command = add_command(
        actions,
        "score",
        "say how well a model predicts texts: the perplexity of each, and of all",
        score,
        examples=[
            "curate perplexity score wiki.clm pages.parquet --out scores.parquet",
            "curate perplexity score baseline.clm runs/mini --bits-per-byte",
        ],
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="a model that was trained or converted")
    _add_inputs(command)
    words = f"id, perplexity, bucket, words and unknown words of every row with a text ({FORMATS})"
    command.add_argument("--out", type=new_file, metavar="FILE", help=words)
    words = "a column with the language of a text, whose borders of head, middle and tail are to hold"
    command.add_argument("--language", metavar="COLUMN", help=words)
    words = "print bits per byte alone (a model of bytes or tokens), of a run's validation part"
    command.add_argument("--bits-per-byte", action="store_true", help=words)
    add_force(command)
    add_json(command)


def _add_convert(actions: Any) -> None:
    command = add_command(
        actions,
        "convert",
        "make a model of an ARPA file, or give a model other borders of head, middle and tail",
        convert,
        examples=[
            "curate perplexity convert en.arpa --out en.clm",
            "curate perplexity convert wiki.clm --terciles crawl.parquet --out wiki-crawl.clm",
        ],
    )
    command.add_argument("model", metavar="FILE", help="an ARPA file (.gz), or a model")
    _add_out(command)
    words = "how a text is cut into the words of the ARPA file: as they stand between white space (default), or folded"
    command.add_argument("--units", choices=("spaces", "words"), help=words)
    _add_terciles(command)
    command.add_argument("--text", default="text", metavar="COLUMN", help='the column of texts (default: "text")')
    add_force(command)
    add_json(command)


def _add_inputs(command: argparse.ArgumentParser) -> None:
    words = "Parquet or JSON Lines (.gz, .zst), folders of them, runs that are done, or recipes (.toml): what their "
    words += "sources keep"
    command.add_argument("inputs", nargs="+", metavar="INPUT", help=words)
    command.add_argument("--text", default="text", metavar="COLUMN", help='the column of texts (default: "text")')


def _add_out(command: argparse.ArgumentParser) -> None:
    words = "the model; FILE.json beside it says what it is"
    command.add_argument("--out", type=new_file, required=True, metavar="FILE", help=words)


def _add_terciles(command: argparse.ArgumentParser) -> None:
    words = (
        "a sample of the texts to be judged: the third that is predicted best is head, then comes middle, then tail; "
    )
    words += "may be repeated"
    command.add_argument("--terciles", action="append", metavar="FILE", help=words)
    words = "a column of that sample with the language of a text, to find borders for each"
    command.add_argument("--language", metavar="COLUMN", help=words)


def train(options: argparse.Namespace) -> int:
    from curate.standalone.perplexity import train_perplexity

    names = ("order", "prune", "units", "seed", "terciles")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.validation is not None:
        given["validation"] = _validation(options.validation)
    made = train_perplexity(
        options.inputs,
        out=options.out,
        text=options.text,
        language=options.language,
        arpa=options.arpa,
        force=options.force,
        **given,
    )
    return _tell_model(options, made)


def _validation(words: list[str]) -> float | list[str]:
    try:
        return float(words[0]) if len(words) == 1 else words
    except ValueError:
        return words


def convert(options: argparse.Namespace) -> int:
    from curate.standalone.perplexity import convert_perplexity

    made = convert_perplexity(
        options.model,
        out=options.out,
        units=options.units or "spaces",
        terciles=options.terciles or (),
        text=options.text,
        language=options.language,
        force=options.force,
    )
    return _tell_model(options, made)


def _tell_model(options: argparse.Namespace, made: Any) -> int:
    code = tell_unread(made.unread)
    if options.json:
        say_json(dict(made.card))
        return code
    ngrams = ", ".join(f"{number:,}" for number in made.card["ngrams"])
    say(f"{made.model}: {made.card['bytes']:,} bytes; n-grams of 1 to {made.card['order']} words: {ngrams}.")
    if made.held_out.words:
        _tell_judged("Held out", made.held_out)
    for language, (low, high) in made.card["borders"].items():
        say(f"head < {low:,.1f} ≤ middle < {high:,.1f} ≤ tail{f' ({language})' if language else ''}")
    say()
    say(f'In a recipe: {{ use = "perplexity", model = "{made.model}", max_perplexity = … }}')
    return code


def score(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from curate.errors import UsageError
    from curate.standalone.perplexity import score_perplexity

    scored = score_perplexity(
        options.model,
        options.inputs,
        out=options.out,
        text=options.text,
        language=options.language,
        part="validation" if options.bits_per_byte else None,
        force=options.force,
    )
    code = tell_unread(scored.unread)
    if options.bits_per_byte and scored.judged.bits_per_byte is None:
        raise UsageError(
            f"{options.model} has no bits per byte here: there is no text, or it is a model of words, which predicts "
            'no spaces and capitals; train one with "--units bytes", or with "--units tokens" on a run'
        )
    if options.json:
        say_json(asdict(scored.judged) | {"path": None if scored.path is None else str(scored.path)})
    elif options.bits_per_byte:
        say(f"{scored.judged.bits_per_byte:.4f} bits per byte of {scored.judged.bytes:,} bytes")
    else:
        _tell_judged(str(scored.path or options.model), scored.judged)
    return code


def _tell_judged(name: str, judged: Any) -> None:
    if judged.perplexity is None:
        say(f"{name}: no words.")
        return
    bits = "" if judged.bits_per_byte is None else f", {judged.bits_per_byte:.4f} bits per byte"
    say(
        f"{name}: perplexity {judged.perplexity:,.2f}{bits}; {judged.documents:,} texts of {judged.words:,} words, of "
        f"which the model does not know {judged.unknown:,}."
    )
