"""An adapter and the checkpoint that it stands beside as one plain checkpoint, which needs neither.

ADAPTER (─▶ its base) ─▶ load_model ─▶ lora.merge ─▶ OUT/checkpoint-NNNNNNNN
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from safetensors.torch import save_file

from curate.errors import UsageError
from curate.train_min.checkpoint import ADAPTER, WEIGHTS, latest_checkpoint, load_model, read_state
from curate.train_min.lora import merge


def merge_model(adapter: Path | str, out: Path | str) -> Path:
    """Write what `curate tune` with LoRA has made (a folder, or a tuning's, whose newest is taken) below a new folder;
    returns the checkpoint. It is for use, and for another tuning: there is no state of an optimizer in it.

    Raises:
        UsageError: it is no adapter, its base is gone or another one, or `out` is there already.
    """
    folder, target = latest_checkpoint(Path(adapter)) or Path(adapter), Path(out)
    state = read_state(folder)
    if not (folder / ADAPTER).is_file() or state.tuning is None:
        raise UsageError(f"{folder} is no adapter: it has all weights itself")
    if target.exists():
        raise UsageError(f"{target} is there already; name a new folder")
    model = load_model(folder)
    merge(model)
    checkpoint = target / folder.name
    checkpoint.mkdir(parents=True)
    save_file({name: weight.contiguous() for name, weight in model.state_dict().items()}, checkpoint / WEIGHTS)
    plain = replace(state, tuning={**state.tuning, "lora": None})
    (checkpoint / "state.json").write_text(json.dumps(asdict(plain), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    tokenizer = folder / str(state.vocabulary["tokenizer"])
    if tokenizer.is_file():
        shutil.copyfile(tokenizer, checkpoint / tokenizer.name)
    return checkpoint
