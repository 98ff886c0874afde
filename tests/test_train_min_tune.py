"""Tuning, from a file to a checkpoint: answers are learned, better ones are told from worse ones, and it resumes."""

from __future__ import annotations

import dataclasses
import io
import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
from safetensors.torch import load_file, save_file  # noqa: E402

import curate  # noqa: E402
from curate.cli import main  # noqa: E402
from curate.errors import RunConflict, UsageError  # noqa: E402
from curate.readers.turns import Turn  # noqa: E402
from curate.tokenize.described_vocabulary import vocabulary_of  # noqa: E402
from curate.tokenize.encode import load_tokenizer  # noqa: E402
from curate.tokenize.shards import open_shards  # noqa: E402
from curate.tokenize.templates import TEMPLATES, Template  # noqa: E402
from curate.tokenize.train import train_bpe  # noqa: E402
from curate.train_min.chat import Chat, open_chat  # noqa: E402
from curate.train_min.checkpoint import State, latest_checkpoint, load_model, read_state  # noqa: E402
from curate.train_min.dialogue import Dialogue, bind_template  # noqa: E402
from curate.train_min.exchange import export_model, import_model  # noqa: E402
from curate.train_min.generate import generate  # noqa: E402
from curate.train_min.judge import open_judge  # noqa: E402
from curate.train_min.log import StepReport  # noqa: E402
from curate.train_min.lora import Lora, trained_weights  # noqa: E402
from curate.train_min.merging import merge_model  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.sampling import Sampling  # noqa: E402
from curate.train_min.tune import TuneResult, tune  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

TINY: dict[str, Any] = {"layers": 1, "width": 32, "heads": 2, "context": 64, "batch_rows": 8, "micro_rows": 4}
ANIMALS = {"dog": "woof", "cat": "meow", "cow": "moo", "duck": "quack"}
NAMES = ["Ann", "Bob", "Cid", "Dora", "Eve", "Finn", "Gus", "Hal"]
CONTROL = TEMPLATES["chatml"].control


def make_base(
    folder: Path, *, marks: bool = False, preset: str = "nano", shape: Mapping[str, Any] | None = None
) -> Path:
    """A checkpoint that nobody has trained: of bytes, or of a vocabulary with a chat template's control tokens."""
    checkpoint = folder / "checkpoint-00000000"
    checkpoint.mkdir(parents=True)
    name = "bytes"
    if marks:
        name = "tokenizer.json"
        content = train_bpe([" ".join(ANIMALS)] * 5, vocab_size=256 + 24, special_tokens=CONTROL)
        (checkpoint / name).write_text(content, encoding="utf-8")
    file = checkpoint / name if marks else name
    vocabulary = vocabulary_of(load_tokenizer(file, end_of_text="<|endoftext|>"), name)
    config = configure(preset, vocab_size=vocabulary.size, settings={**TINY, "learning_rate": 1e-2, **(shape or {})})
    model = GPT(config.model, generator=torch.Generator().manual_seed(1))
    save_file(
        {name: weight.contiguous() for name, weight in model.state_dict().items()}, checkpoint / "model.safetensors"
    )
    state = State(0, dataclasses.asdict(config), dataclasses.asdict(vocabulary), {}, {})
    (checkpoint / "state.json").write_text(json.dumps(dataclasses.asdict(state)))
    return checkpoint


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_base(tmp_path_factory.mktemp("marked"), marks=True)


def write_rows(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dice = random.Random(1)
    rows = [
        {"prompt": f"{dice.choice(NAMES)}: {animal}?", "response": f"{sound}."} for animal, sound in ANIMALS.items()
    ]
    rows = [
        {**row, "prompt": f"{dice.choice(NAMES)}: {row['prompt'].partition(' ')[2]}"} for row in rows for _ in range(40)
    ]
    dice.shuffle(rows)
    return write_rows(tmp_path_factory.mktemp("talks") / "talks.jsonl", rows)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers in small letters are preferred to those in capitals, whatever they say."""
    dice = random.Random(2)
    rows = []
    for number in range(240):
        good, bad = (" ".join(dice.choices([*ANIMALS.values()], k=2)) for _ in range(2))
        rows.append({"prompt": f"{dice.choice(NAMES)} {number}", "chosen": good, "rejected": bad.upper()})
    return write_rows(tmp_path_factory.mktemp("pairs") / "pairs.jsonl", rows)


QUIET: dict[str, Any] = {"learning_rate": 1e-2, "report_every": 5, "save_every": 4, "evaluate_every": 1000}


def tune_short(base: Path, data: Path, out: Path, **changes: Any) -> TuneResult:
    arguments = {"template": "plain", "settings": QUIET, "device": "cpu", "threads": 1, **changes}
    return tune(base, data, out=out, **arguments)


@pytest.fixture(scope="module")
def chatty(base: Path, talks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What has learned the sounds."""
    out = tmp_path_factory.mktemp("chatty")
    tune_short(base, talks, out, steps=250)
    return out


def test_answers_are_learned_and_the_model_says_them(base: Path, talks: Path, chatty: Path) -> None:
    state = read_state(latest_checkpoint(chatty))
    assert state.tuning is not None
    assert (state.tuning["method"], state.tuning["lora"]) == ("sft", None)
    tokens = open_shards(chatty / "data" / "tokens" / "train" / "talks")
    document, mask = tokens.document(0), tokens.document_mask(0)
    said = bytes(document[mask == 1][:-1].tolist()).decode()
    assert said.removesuffix(".\n\n") in ANIMALS.values()
    assert len(open_shards(chatty / "data" / "tokens" / "validation" / "talks").ends) == 8
    [score] = state.progress["scores"]
    assert score["bits_per_byte"] < 0.25 * score["unigram_bits_per_byte"]
    chat = open_chat(chatty)
    for animal, sound in ANIMALS.items():
        chat.turns.clear()
        assert chat.ask(f"Ann: {animal}?", tokens=20, sampling=Sampling(temperature=0)) == f"{sound}."


def test_epochs_become_steps(base: Path, talks: Path, tmp_path: Path) -> None:
    result = tune_short(base, talks, tmp_path / "out", epochs=0.5)
    held = len(open_shards(tmp_path / "out" / "data" / "tokens" / "train" / "talks"))
    assert result.training.steps == -(-held // (2 * 64 * 8)) or result.training.steps == round(
        held / (2 * 64 * 8) + 0.5
    )


@pytest.mark.parametrize("method", ["sft", "reward", "dpo"])
@pytest.mark.parametrize("lora", [None, Lora(4)])
def test_broken_and_mended_is_never_broken(
    base: Path, talks: Path, pairs: Path, tmp_path: Path, method: Any, lora: Lora | None
) -> None:
    data = talks if method == "sft" else pairs

    def crash(report: StepReport) -> None:
        if report.step == 5:
            raise RuntimeError("power cut")

    options = {"method": method, "lora": lora, "steps": 7}
    tune_short(base, data, tmp_path / "whole", **options)
    with pytest.raises(RuntimeError, match="power cut"):
        tune_short(base, data, tmp_path / "mended", report=crash, **options)
    tune_short(base, data, tmp_path / "mended", **options)
    whole, mended = (latest_checkpoint(tmp_path / name) for name in ("whole", "mended"))
    for name in ("optimizer.safetensors", "model.safetensors" if lora is None else "adapter.safetensors"):
        assert (whole / name).read_bytes() == (mended / name).read_bytes()


def test_an_adapter_holds_what_was_learned_alone_and_merges(base: Path, talks: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tune_short(base, talks, out, lora=Lora(4, 8.0), steps=40)
    checkpoint = latest_checkpoint(out)
    saved = load_file(checkpoint / "adapter.safetensors")
    assert not (checkpoint / "model.safetensors").exists()
    assert saved.keys() == {
        f"blocks.0.{name}.{x}" for name in ("attention.qkv", "attention.out", "mlp.up", "mlp.down") for x in "ab"
    }
    adapted = load_model(checkpoint)
    assert set(trained_weights(adapted)) == saved.keys()
    merged = load_model(merge_model(out, tmp_path / "merged"))
    tokens = torch.randint(0, 257, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(merged(tokens), adapted(tokens), atol=1e-6, rtol=1e-6)
        assert not torch.allclose(merged(tokens), load_model(base)(tokens), atol=1e-2)
    assert generate(out, "Ann", tokens=8) == generate(tmp_path / "merged", "Ann", tokens=8)
    assert open_chat(tmp_path / "merged").dialogue.template == TEMPLATES["plain"]
    tune_short(tmp_path / "merged", talks, tmp_path / "again", steps=1)
    with pytest.raises(UsageError, match="merge them first"):
        tune_short(out, talks, tmp_path / "beside", steps=1)
    with pytest.raises(UsageError, match="curate model merge"):
        export_model(out, tmp_path / "given")
    with pytest.raises(UsageError, match="is no adapter"):
        merge_model(tmp_path / "merged", tmp_path / "more")


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_model_that_was_imported_is_tuned_merged_and_given_back(pairs: Path, tmp_path: Path, name: str) -> None:
    small = {"layers": 1, "width": 32, "heads": 2, "context": 50, "kv_heads": None, "hidden": 64}
    base = make_base(tmp_path / "base", preset=name, shape=small)
    export_model(base, tmp_path / "given")
    taken = import_model(tmp_path / "given", tmp_path / "taken")
    for method in ("dpo", "reward"):
        tune_short(taken, pairs, tmp_path / method, method=method, lora=Lora(2), steps=1)
    checkpoint = merge_model(tmp_path / "dpo", tmp_path / "merged")
    assert export_model(checkpoint, tmp_path / "back") == name
    tokens = torch.randint(0, 257, (2, 40), generator=torch.Generator().manual_seed(1))
    back = load_model(import_model(tmp_path / "back", tmp_path / "again"))
    assert torch.equal(back(tokens), load_model(checkpoint)(tokens))


def test_an_adapter_whose_base_is_gone_or_another_says_so(talks: Path, tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    tune_short(base, talks, tmp_path / "out", lora=Lora(2), steps=1)
    weights = load_file(base / "model.safetensors")
    save_file({name: weight + 1 for name, weight in weights.items()}, base / "model.safetensors")
    with pytest.raises(UsageError, match="has other weights than those that the adapter was trained beside"):
        generate(tmp_path / "out", "x")
    shutil.rmtree(base)
    with pytest.raises(UsageError, match="is gone, and the adapter stands beside its weights"):
        generate(tmp_path / "out", "x")


@pytest.mark.parametrize(("method", "lora"), [("reward", None), ("dpo", None), ("dpo", Lora(8))])
def test_better_answers_are_told_from_worse_ones_that_nobody_has_shown(
    base: Path, pairs: Path, tmp_path: Path, method: Any, lora: Lora | None
) -> None:
    result = tune_short(base, pairs, tmp_path, method=method, lora=lora, steps=40)
    [score] = result.training.scores
    assert (score.source, score.pairs) == ("pairs", 12)
    assert score.accuracy > 0.9
    assert score.loss < 0.5
    assert score.margin > 0
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert log[0]["loss"] > log[-1]["loss"]
    assert log[-1]["validation"][0]["accuracy"] == score.accuracy
    if method == "reward":
        better, worse, cow = open_judge(tmp_path).rewards("Ann 7", ["moo meow", "MOO MEOW", "moo"])
        assert better > worse
        assert cow == pytest.approx(open_judge(tmp_path).rewards([Turn("user", "Ann 7")], ["moo"])[0], abs=1e-5)


def test_a_judge_is_a_reward_model_and_reads_what_fits(base: Path, pairs: Path, tmp_path: Path) -> None:
    tune_short(base, pairs, tmp_path, method="reward", steps=1)
    with pytest.raises(UsageError, match="longer than the context of 64"):
        open_judge(tmp_path).rewards("Ann", ["a" * 64])
    with pytest.raises(UsageError, match="an answer says nothing"):
        open_judge(tmp_path).rewards("Ann", [" "])
    with pytest.raises(UsageError, match="is no reward model"):
        open_judge(base)


def test_a_single_conversation_can_be_learned(base: Path, tmp_path: Path) -> None:
    one = write_rows(tmp_path / "one.jsonl", [{"prompt": "A", "response": "B"}])
    result = tune_short(base, one, tmp_path / "out")
    assert result.training.steps == 1
    assert result.training.unvalidated == ("one",)


def test_a_policy_writes_and_a_reward_model_does_not(base: Path, pairs: Path, tmp_path: Path) -> None:
    tune_short(base, pairs, tmp_path / "policy", method="dpo", steps=1)
    assert generate(tmp_path / "policy", "A", tokens=3)
    tune_short(base, pairs, tmp_path / "reward", method="reward", steps=1)
    with pytest.raises(UsageError, match="is a reward model: it judges answers, and writes none"):
        generate(tmp_path / "reward", "A")
    with pytest.raises(UsageError, match="is a reward model; tune the checkpoint"):
        tune_short(tmp_path / "reward", pairs, tmp_path / "x", method="dpo")
    with pytest.raises(UsageError, match="is a reward model, and no layout has its head"):
        export_model(tmp_path / "reward", tmp_path / "given")


def test_what_cannot_be_is_refused_in_a_sentence(base: Path, talks: Path, pairs: Path, tmp_path: Path) -> None:
    def refused(told: str, *arguments: Any, **options: Any) -> None:
        with pytest.raises(UsageError, match=told):
            tune_short(*arguments, tmp_path / "out", **options)

    refused("is no checkpoint", tmp_path, talks)
    refused("there is no .*gone.jsonl", base, tmp_path / "gone.jsonl")
    refused("holds no tokens", base, tmp_path)
    refused('rows cannot be learned; the first: row 1: there is no "chosen"', base, talks, method="dpo")
    refused("is a folder; dpo learns from a file of pairs", base, tmp_path, method="dpo")
    refused('there is no method "rlhf"', base, talks, method="rlhf")
    refused('no template "chatlm"', base, talks, template="chatlm")
    refused(
        "bytes has no control token <.im_start.> and <.im_end.>, which the template needs", base, talks, template=None
    )
    refused("LoRA of rank 0 learns nothing", base, talks, lora=Lora(0))
    refused("beta is 0", base, pairs, method="dpo", beta=0)
    refused("label_smoothing is 0.5", base, pairs, method="dpo", label_smoothing=0.5)
    refused("keeps its shape, and width would give it another one", base, talks, settings={"width": 64})
    refused("LoRA trains with adamw", base, talks, lora=Lora(2), settings={"optimizer": "muon"})
    shards = {"shard_weights": True}
    refused("dpo needs the weights whole on every process", base, pairs, method="dpo", settings=shards)
    refused('there is no training setting "rate"', base, talks, settings={"rate": 1})
    refused("regularize is for trainings on the tokens of a run", base, talks, settings={"regularize": "auto"})
    long = [{"prompt": "p" * 70, "chosen": "a", "rejected": "b"}]
    refused("longer than the context of 64", base, write_rows(tmp_path / "long.jsonl", long), method="reward")


def test_a_changed_file_is_another_tuning(base: Path, talks: Path, tmp_path: Path) -> None:
    own = tmp_path / "talks.jsonl"
    shutil.copyfile(talks, own)
    tune_short(base, own, tmp_path / "out", steps=1)
    own.write_text(own.read_text().replace("Ann", "Bea"))
    with pytest.raises(RunConflict, match="the file of the run changed"):
        tune_short(base, own, tmp_path / "out", steps=1)
    with pytest.raises(RunConflict, match="template was"):
        tune_short(base, own, tmp_path / "out", steps=1, template=str(own_template(tmp_path)))


def own_template(folder: Path) -> Path:
    path = folder / "own.toml"
    path.write_text('turn = "[{role}] {text}{end}\\n"\nend = ""\n')
    return path


RECIPE = """
name = "talks"
[[source]]
name = "chat"
read = "conversations"
paths = ["talks.jsonl"]
[[source]]
name = "prose"
read = "tables"
paths = ["prose.jsonl"]
[tokenize]
tokenizer = "{tokenizer}"
template = "{template}"
end_of_text = "<|endoftext|>"
validation = 0.2
"""


def make_run(folder: Path, talks: Path, tokenizer: str, template: str) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copyfile(talks, folder / "talks.jsonl")
    write_rows(folder / "prose.jsonl", [{"text": f"{number} It was the best of times. "} for number in range(30)])
    (folder / "recipe.toml").write_text(RECIPE.format(tokenizer=tokenizer, template=template))
    return curate.run(folder / "recipe.toml", out=folder / "run", workers=0).folder


def test_a_run_is_tuned_on_in_its_template_and_plain_texts_beside(marked: Path, talks: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "own", talks, str(marked / "tokenizer.json"), "chatml")
    result = curate.tune(marked, curate.Run(run), out=tmp_path / "out", steps=2, device="cpu")
    assert {score.source for score in result.training.scores} == {"chat", "prose"}
    chat = open_chat(tmp_path / "out")
    assert chat.dialogue.template == TEMPLATES["chatml"]
    assert chat.dialogue.ends == [chat.dialogue.tokenizer.end_of_text, chat.dialogue.tokenizer.control["<|im_end|>"]]
    assert (result.training.checkpoint / "tokenizer.json").is_file()


def test_a_run_of_another_vocabulary_is_refused(base: Path, marked: Path, talks: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    own_template(tmp_path / "own")
    run = make_run(tmp_path / "own", talks, "bytes", "own.toml")
    tune_short(base, run, tmp_path / "there", steps=1, template=None)
    assert open_chat(tmp_path / "there").dialogue.template.turn == "[{role}] {text}{end}\n"
    told = r"was tokenized by another vocabulary \(bytes, 257 ids\) than that of .* \(tokenizer.json, 270 ids\)"
    with pytest.raises(UsageError, match=told):
        tune_short(marked, run, tmp_path / "out", template=None)
    shutil.rmtree(run / "tokens" / "train" / "chat")
    shutil.copytree(run / "tokens" / "train" / "prose", run / "tokens" / "train" / "chat")
    with pytest.raises(UsageError, match='none of its sources reads "conversations"'):
        tune_short(base, run, tmp_path / "out", template=None)


def dialogue(marked: Path, template: Template = TEMPLATES["chatml"]) -> Dialogue:
    return bind_template(
        template, load_tokenizer(marked / "tokenizer.json", end_of_text="<|endoftext|>", control=CONTROL)
    )


@pytest.mark.parametrize("template", [TEMPLATES["chatml"], TEMPLATES["plain"]])
def test_a_model_is_asked_as_it_was_taught(marked: Path, template: Template) -> None:
    spoken = dialogue(marked, template)
    turns = [Turn("system", "S"), Turn("user", "Hi"), Turn("assistant", "Yes?"), Turn("user", "Bye")]
    taught = spoken.conversations([[*turns, Turn("assistant", "Bye!")]])
    asked = spoken.question(turns)
    assert taught.tokens[: len(asked)].tolist() == asked
    behind = taught.targets[len(asked) :]
    assert behind[0] == 1
    assert spoken.tokenizer.decode(taught.tokens[len(asked) :][behind == 1]).startswith("Bye!")


def test_the_oldest_turns_go_where_the_context_ends_and_the_system_prompt_stays(base: Path) -> None:
    spoken = bind_template(TEMPLATES["plain"], load_tokenizer("bytes"))
    chat = Chat(load_model(base), spoken, [Turn("system", "S")])
    chat.turns += [Turn(role, f"{role} {n}") for n in range(5) for role in ("user", "assistant")] + [Turn("user", "Q")]
    shown = bytes(chat._shown(10)[1:]).decode()
    assert shown.startswith("System:\nS\n\nUser:\n")
    assert shown.endswith("User:\nQ\n\nAssistant:\n")
    assert len(shown) + 1 <= 64 - 10


def test_the_commands_tune_merge_and_talk(
    base: Path,
    talks: Path,
    pairs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def command(*words: Any, code: str = "0") -> str:
        with pytest.raises(SystemExit, match=code):
            main([str(word) for word in words])
        told = capsys.readouterr()
        return told.out + told.err

    rows = [*(json.loads(line) for line in talks.read_text().splitlines()), {"prompt": "Ann", "response": ""}]
    some = write_rows(tmp_path / "some.jsonl", rows)
    quick = ["--set", "learning_rate=1e-2", "--device", "cpu"]
    lora = ["--lora-rank", 16, "--lora-matrices", "qkv,up,down,out", "--steps", 8, "--template", "plain"]
    told = command("tune", base, some, "--out", tmp_path / "sft", *lora, *quick)
    assert "left out of 161 rows: 1 empty_turn" in told
    assert "curate generate" in told
    assert "holds this tuning, complete" in command("tune", base, some, "--out", tmp_path / "sft", *lora, *quick)
    command("model", "merge", tmp_path / "sft", "--out", tmp_path / "merged")
    told = command(
        "tune", tmp_path / "merged", pairs, "--out", tmp_path / "dpo", "--method", "dpo", "--steps", 3, *quick
    )
    assert "right" in told
    monkeypatch.setattr("sys.stdin", io.StringIO("Ann: dog?\n\nBob: cow?\n"))
    talk = command("generate", tmp_path / "merged", "--chat", "--temperature", 0, "--tokens", 20)
    assert len(talk.splitlines()) >= 2
    assert "was not tuned on conversations" in command("generate", base, "--chat", code="2")
    assert "there is no PROMPT" in command("generate", base, code="2")
    assert "leave PROMPT and" in command("generate", base, "Hi", "--chat", code="2")
    assert "go with --chat" in command("generate", base, "Hi", "--system", "S", code="2")
