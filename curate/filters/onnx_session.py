"""An ONNX file opened to be asked about texts: what it takes, what it gives, and how one becomes the other.

model.onnx ─▶ inputs: texts │ ids of tokens (tokenizer.json beside it) ─▶ session, one thread ─▶ one output ─▶ numbers
              config.json beside it: the labels' names, what kind of numbers

Nothing of `onnxruntime` (the extra `onnx`) is imported before a model is opened.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from curate.errors import UsageError
from curate.run_files import TOKENIZER

Scale = Literal["auto", "as_is", "softmax", "sigmoid"]
Numbers = npt.NDArray[np.float64]
Feed = Callable[[str], dict[str, Any]]

CONFIG = "config.json"
TEXTS, FLOATS = "tensor(string)", ("tensor(float)", "tensor(double)", "tensor(float16)")
INTEGERS: Mapping[str, type[np.signedinteger[Any]]] = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
TOKENS = ("input_ids", "attention_mask", "token_type_ids")
MAX_TOKENS = 512
MAX_CHARACTERS = 32 * MAX_TOKENS
"""Of a text are read: a token of any tokenizer has some four on average."""
WANTED = (
    f"one {TEXTS} of texts, or {TOKENS[0]} (with {TOKENS[1]}, {TOKENS[2]} or neither) as integers of two dimensions"
)


class OnnxPort(NamedTuple):
    """An input or output, as the file declares it; a size is a number, or the name of what varies."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.type}[{', '.join('?' if size is None else str(size) for size in self.shape)}]"


@dataclass(frozen=True, slots=True)
class OnnxSession:
    """`ask` gives the numbers of one text, after softmax, sigmoid or neither; `labels` are their names."""

    ask: Callable[[str], Numbers]
    labels: tuple[str, ...]


def open_session(path: Path, *, output: str, scale: Scale) -> OnnxSession:
    """
    Raises:
        UsageError: the extra is not installed; the file is not an ONNX model, or takes or gives something else than a
            classifier of texts; its tokenizer is missing.
    """
    session = _load(path)
    inputs, outputs = ([_port(each) for each in of] for of in (session.get_inputs(), session.get_outputs()))
    config = _config(path)
    feed = _feed(path, inputs, config)
    chosen = _output(path, outputs, output)

    def run(text: str) -> Any:
        return session.run([chosen.name], feed(text))[0]

    labels, count = _labels(path, chosen, run("a"), config)
    scaled = _scaling(chosen, scale, config, count)
    keys = labels if chosen.type.startswith("seq(map") else ()

    def ask(text: str) -> Numbers:
        found = run(text)
        row = [found[0][key] for key in keys] if keys else np.asarray(found).reshape(-1)
        return scaled(np.asarray(row, dtype=np.float64))

    return OnnxSession(ask, tuple(map(str, labels)))


def companions(path: Path) -> list[Path]:
    """The files beside a model that decide with it: its tokenizer, its configuration, weights that lie outside."""
    found = [place for name in (TOKENIZER, CONFIG) if (place := _beside(path, name)) is not None]
    outside = [other for other in path.parent.glob(f"{path.stem}*") if other != path and "data" in other.suffix]
    return [*found, *sorted(outside)]


def _load(path: Path) -> Any:
    """One thread, and nothing that depends on what was asked before: the same text has the same numbers."""
    try:
        runtime: Any = importlib.import_module("onnxruntime")  # its names are there, but it does not say so to mypy
    except ImportError as error:
        raise UsageError(f'an ONNX model needs onnxruntime ({error}): pip install "curate-corpus[onnx]"') from error
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.enable_mem_pattern = False  # texts have all lengths
    options.log_severity_level = 4  # what is wrong is said by the exception
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no class in common but this one
        raise UsageError(f"{path} is not an ONNX model that can be run: {_first_line(error)}") from error


def _port(each: Any) -> OnnxPort:
    return OnnxPort(each.name, each.type, tuple(each.shape or ()))


def _feed(path: Path, inputs: Sequence[OnnxPort], config: Mapping[str, Any]) -> Feed:
    """What makes a text the model's inputs, one row of them."""
    if len(inputs) == 1 and inputs[0].type == TEXTS and len(inputs[0].shape) in (1, 2):
        name, shape = inputs[0].name, (1,) * len(inputs[0].shape)
        return lambda text: {name: np.array([text], dtype=object).reshape(shape)}
    by_name = {each.name: each for each in inputs}
    are_tokens = all(each.type in INTEGERS and len(each.shape) == 2 for each in inputs)
    if are_tokens and TOKENS[0] in by_name and by_name.keys() <= {*TOKENS}:
        return _feed_tokens(path, by_name, config)
    raise UsageError(f"{path} takes {_told(inputs)}; a classifier of texts takes {WANTED}")


def _feed_tokens(path: Path, inputs: Mapping[str, OnnxPort], config: Mapping[str, Any]) -> Feed:
    from tokenizers import Tokenizer

    place = _beside(path, TOKENIZER)
    if place is None:
        raise UsageError(f"{path} takes ids of tokens: put its {TOKENIZER} beside it, or in the folder above")
    try:
        tokenizer = Tokenizer.from_file(str(place))
    except Exception as error:  # the library raises no other class
        raise UsageError(f"{place} is not a tokenizer that can be read: {_first_line(error)}") from error
    fixed = inputs[TOKENS[0]].shape[1]
    length = fixed if isinstance(fixed, int) else min(MAX_TOKENS, config.get("max_position_embeddings") or MAX_TOKENS)
    tokenizer.enable_truncation(length)
    tokenizer.no_padding()
    if isinstance(fixed, int):
        tokenizer.enable_padding(length=fixed, pad_id=config.get("pad_token_id") or 0)

    def feed(text: str) -> dict[str, Any]:
        found = tokenizer.encode(text[:MAX_CHARACTERS])
        rows = {TOKENS[0]: found.ids, TOKENS[1]: found.attention_mask, TOKENS[2]: found.type_ids}
        return {name: np.array([rows[name]], dtype=INTEGERS[each.type]) for name, each in inputs.items()}

    return feed


def _output(path: Path, outputs: Sequence[OnnxPort], wanted: str) -> OnnxPort:
    """The one that is asked for; else the only one that has a number a label, or is called so."""
    found = [each for each in outputs if each.type in FLOATS or each.type.startswith("seq(map")]
    if wanted:
        chosen = [each for each in found if each.name == wanted]
    else:
        named = [each for kind in ("prob", "logit") for each in found if kind in each.name.lower()]
        chosen = named[:1] or found
    if len(chosen) != 1:
        asked = f'output = "{wanted}"' if wanted else "no output"
        raise UsageError(
            f"{path} gives {_told(outputs)}: {asked} can be told as one with a number for each label; "
            "name such a one as `output`"
        )
    return chosen[0]


def _labels(path: Path, chosen: OnnxPort, probe: Any, config: Mapping[str, Any]) -> tuple[tuple[Any, ...], int]:
    """By what the output says of a text: the keys of its map, or a name for each of its numbers."""
    if chosen.type.startswith("seq(map"):
        return tuple(probe[0]), len(probe[0])
    shape = np.shape(probe)
    count = int(np.prod(shape))
    if count == 0 or max(shape, default=1) != count:
        raise UsageError(f"{path} gives {chosen}, of one text {list(shape)} numbers; it should be one for each label")
    named = config.get("id2label") or {}
    names = [named.get(str(number)) for number in range(count)]
    return tuple(name if name is not None else str(number) for number, name in enumerate(names)), count


def _scaling(chosen: OnnxPort, scale: Scale, config: Mapping[str, Any], count: int) -> Callable[[Numbers], Numbers]:
    """What makes its numbers probabilities, where they are none."""
    kind: str = scale
    if scale == "auto":
        is_logit = "logit" in chosen.name.lower() and config.get("problem_type") != "regression"
        is_each = count == 1 or config.get("problem_type") == "multi_label_classification"
        kind = "as_is" if not is_logit else "sigmoid" if is_each else "softmax"
    if kind == "softmax":
        return lambda row: np.exp(row - row.max()) / np.exp(row - row.max()).sum()
    if kind == "sigmoid":
        return lambda row: 1 / (1 + np.exp(-np.clip(row, -700, 700)))
    return lambda row: row


def _config(path: Path) -> dict[str, Any]:
    place = _beside(path, CONFIG)
    if place is None:
        return {}
    try:
        found = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{place} is not JSON: {error}") from error
    return found if isinstance(found, dict) else {}


def _beside(path: Path, name: str) -> Path | None:
    """In the model's folder, or in the one above, where the models of one set lie in `onnx/`."""
    places = [path.parent / name, *([path.parent.parent / name] if path.parent.name == "onnx" else [])]
    return next((place for place in places if place.is_file()), None)


def _told(them: Sequence[OnnxPort]) -> str:
    return ", ".join(map(str, them)) or "nothing"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
