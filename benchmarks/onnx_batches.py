"""Whether many texts at a time are cheaper for an ONNX transformer on one core than one after the other.

a model of 22 million weights, drawn ─▶ ONNX ─▶ texts of 32 to 256 tokens: one or 16 a call ─▶ ms a text, same bits?

    python benchmarks/onnx_batches.py        (needs onnxruntime, torch and transformers: the extras onnx, train, test)
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from transformers import BertConfig, BertForSequenceClassification

LENGTHS = (32, 128, 256)
TEXTS, ROUNDS = 16, 3


class Logits(torch.nn.Module):
    """The model as two inputs and one output."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
        self.model = BertForSequenceClassification(BertConfig(**shape, attn_implementation="eager")).eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def exported(folder: Path) -> Any:
    ids = torch.randint(5, 30_000, (2, 16))
    sizes = {name: {0: "texts", 1: "tokens"} for name in ("input_ids", "attention_mask")}
    names = {"input_names": [*sizes], "output_names": ["logits"], "dynamic_axes": sizes}
    torch.onnx.export(Logits(), (ids, torch.ones_like(ids)), str(folder / "m.onnx"), **names, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "m.onnx"), options, providers=["CPUExecutionProvider"])


def asked(session: Any, ids: np.ndarray, at_once: int) -> tuple[np.ndarray, float]:
    """The logits, and milliseconds of CPU a text: the median of some rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        parts = [ids[at : at + at_once] for at in range(0, len(ids), at_once)]
        found = [session.run(None, {"input_ids": part, "attention_mask": np.ones_like(part)})[0] for part in parts]
        seconds.append(time.process_time() - start)
    return np.concatenate(found), statistics.median(seconds) / len(ids) * 1000


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        session = exported(Path(folder))
    print(f"{'tokens':>6} {'one a call':>11} {f'{TEXTS} a call':>11}  ms of CPU a text; the same bits")
    for length in LENGTHS:
        ids = np.random.default_rng(0).integers(5, 30_000, (TEXTS, length))
        (one, alone), (many, together) = asked(session, ids, 1), asked(session, ids, TEXTS)
        print(f"{length:>6} {alone:>11.1f} {together:>11.1f}  {np.array_equal(one, many)}")


if __name__ == "__main__":
    main()
