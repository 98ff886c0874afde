"""`curate model`: a trained model given to other libraries, and one of theirs taken."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import Parser, add_command
from curate.terminal import say


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "model",
        "give a trained model to other libraries in their layout, or take one of theirs",
        give,
        about="Layouts are those of GPT-2, Llama and Qwen 3, as transformers loads them: a training with the preset of "
        "that name has such a shape.",
        examples=[
            "curate train runs/mini --preset llama",
            "curate model export runs/mini/train/llama --out llama-mini",
            "curate model import llama-mini --out ours",
        ],
    )
    actions = command.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _add_export(actions)
    _add_import(actions)
    _add_merge(actions)


def _add_export(actions: Any) -> None:
    command = add_command(
        actions,
        "export",
        "write a checkpoint as model.safetensors, config.json and the tokenizer's files",
        give,
        about="transformers.AutoModelForCausalLM.from_pretrained(FOLDER) then has the same logits.",
        examples=["curate model export runs/mini/train/llama --out llama-mini"],
    )
    words = "a checkpoint, or the folder of a training, whose newest is taken"
    command.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help=words)
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")


def _add_import(actions: Any) -> None:
    command = add_command(
        actions,
        "import",
        "read such a folder into a checkpoint",
        take,
        about="curate generate goes on from it. Weights in several files are not read.",
        examples=["curate model import llama-mini --out ours", "curate generate ours 'It was'"],
    )
    words = "a folder with config.json and model.safetensors"
    command.add_argument("folder", type=Path, metavar="MODEL", help=words)
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")


def _add_merge(actions: Any) -> None:
    command = add_command(
        actions,
        "merge",
        "make one checkpoint of what LoRA has learned and the one that it started from",
        merge,
        about="It is a plain checkpoint: it can be exported, tuned again, and needs neither of the two.",
        examples=["curate tune ours chat.jsonl --lora-rank 8 --out chat", "curate model merge chat --out merged"],
    )
    words = "what curate tune with --lora-rank has written"
    command.add_argument("adapter", type=Path, metavar="TUNING", help=words)
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")


def give(options: argparse.Namespace) -> int:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.exchange import export_model

    layout = export_model(options.checkpoint, options.out)
    say(f"{options.out}: written in the layout of {layout}.")
    return 0


def take(options: argparse.Namespace) -> int:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.exchange import import_model

    say(f"{import_model(options.folder, options.out)}: written.")
    return 0


def merge(options: argparse.Namespace) -> int:
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.merging import merge_model

    say(f"{merge_model(options.adapter, options.out)}: written.")
    return 0
