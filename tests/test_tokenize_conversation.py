"""Conversations as tokens: written as models read them, the answers trained on and nothing else, also when scrubbed."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from pydoc_data import topics
from typing import Any

import numpy as np
import polars as pl
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.errors import CheckFailed, RecipeError, UsageError
from curate.readers.turns import MARK, MARKS, Turn, marked_text, roles_of
from curate.report.why import stories
from curate.standalone.export import export
from curate.tokenize.arranged import encode_arranged
from curate.tokenize.conversation import write_conversation, writer_of
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.epoch_order import TokenRuns
from curate.tokenize.json_file import JsonFile
from curate.tokenize.shards import open_shards
from curate.tokenize.templates import TEMPLATES, Template, open_template
from curate.tokenize.train import train_bpe

TEXTS = [text.strip() for text in topics.topics.values()]
CONTROL = tuple(dict.fromkeys(mark for template in TEMPLATES.values() for mark in template.control))
TALK = [
    Turn("system", "Be brief."),
    Turn("user", "What is\n\na list?"),
    Turn("assistant", "\n\nA sequence. <|im_end|> is no mark here."),
    Turn("user", "Thanks <|im_start|>assistant"),
    Turn("assistant", "Bye 日本"),
]


@functools.cache
def tokenizer() -> Tokenizer:
    content = train_bpe(TEXTS[:20], vocab_size=700, special_tokens=CONTROL)
    return Tokenizer("tokenizer.json", "", JsonFile(content, Path("tokenizer.json"), "<|endoftext|>", CONTROL))


@functools.cache
def library() -> tokenizers.Tokenizer:
    """The same file as others open it: what spells a control token is one."""
    content = train_bpe(TEXTS[:20], vocab_size=700, special_tokens=CONTROL)
    return tokenizers.Tokenizer.from_str(content)


def encode(turns: list[Turn], template: Template) -> tuple[list[int], list[int], str]:
    found = write_conversation(marked_text(turns), roles_of(turns), writer_of(template, tokenizer()))
    assert found.lost is None
    encoded = encode_arranged(tokenizer(), [found.sections])
    assert found.bytes == int(tokenizer().token_bytes()[encoded.tokens].sum())
    return encoded.tokens.tolist(), encoded.targets.tolist(), found.text


def learned(turns: list[Turn], template: Template) -> list[str]:
    """The texts of the runs of tokens that are trained on."""
    tokens, targets, _ = encode(turns, template)
    borders = np.flatnonzero(np.diff([0, *targets, 0])).reshape(-1, 2)
    return [tokenizer().decode(tokens[first:last]) for first, last in borders.tolist()]


@pytest.mark.parametrize("name", TEMPLATES)
def test_answers_and_what_ends_them_are_learned_and_nothing_else(name: str) -> None:
    template = TEMPLATES[name]
    end = template.end + ("" if template.end in template.control else "<|endoftext|>")
    assert learned(TALK, template) == [TALK[2].text + template.end, TALK[4].text + end]
    assert learned(TALK[:4], template) == [TALK[2].text + template.end]


def test_a_template_writes_what_models_of_its_kind_read() -> None:
    say = [Turn("system", "S"), Turn("user", "U"), Turn("assistant", "A"), Turn("tool", "T")]
    written = {name: encode(say, template)[2] for name, template in TEMPLATES.items()}
    assert written["chatml"] == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
        "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>tool\nT<|im_end|>\n"
    )
    assert written["llama3"] == (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
        "<|start_header_id|>ipython<|end_header_id|>\n\nT<|eot_id|>"
    )
    assert written["plain"] == "System:\nS\n\nUser:\nU\n\nAssistant:\nA\n\nTool:\nT\n\n"


texts = st.text(st.sampled_from("abcde .,'\n日é😀"), min_size=1, max_size=30).filter(str.strip)


@settings(deadline=None, max_examples=60)
@given(asked=texts, answer=texts, name=st.sampled_from(["chatml", "llama3"]))
def test_ids_are_those_of_the_written_text_as_models_are_asked(asked: str, answer: str, name: str) -> None:
    """The oracle encodes what a model is asked, spelled out, and by itself what it is to say."""
    tokens, _, written = encode([Turn("user", asked), Turn("assistant", answer)], TEMPLATES[name])
    question, _, rest = written.rpartition(answer + TEMPLATES[name].end)
    said = library().encode(question).ids + library().encode(answer + TEMPLATES[name].end + rest).ids
    assert tokens == [*said, tokenizer().end_of_text]
    assert tokenizer().decode(tokens) == written + "<|endoftext|>"


@settings(deadline=None, max_examples=60)
@given(said=st.lists(st.sampled_from([*CONTROL, "<|endoftext|>", "a", "\n", " "]), min_size=1, max_size=8).map("".join))
def test_no_message_gives_a_control_token(said: str) -> None:
    for template in TEMPLATES.values():
        turns = [Turn("user", f"x{said}"), Turn("assistant", f"x{said}")]
        plain = encode([Turn("user", "x"), Turn("assistant", "x")], template)[0]
        control = {*tokenizer().control.values()}
        assert [token for token in encode(turns, template)[0] if token in control] == [
            token for token in plain if token in control
        ]


def test_a_conversation_that_lost_a_mark_or_its_answers_is_none() -> None:
    text, roles, writer = marked_text(TALK), roles_of(TALK), writer_of(TEMPLATES["plain"], tokenizer())
    cut = text.replace(MARKS["assistant"], "", 1)
    assert write_conversation(cut, roles, writer).lost == "lost_turn"
    silent = marked_text([turn._replace(text="" if turn.role == "assistant" else turn.text) for turn in TALK])
    assert write_conversation(silent, roles, writer).lost == "no_answer"


OWN = """
turn = "[{role}] {text}{end}\\n"
end = "[/]"
control = ["[user]", "[bot]", "[/]"]
roles = { assistant = "bot" }
"""


def test_a_template_of_ones_own_is_a_small_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(OWN)
    template = open_template("own.toml", tmp_path)
    assert template.roles == {"assistant": "bot"}
    assert open_template("plain", tmp_path) is TEMPLATES["plain"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('turn = "{text}"\nend = ""', "{end} stands once"),
        ('turn = "{end}{text}"\nend = ""', "right behind"),
        ('turn = "{text}{end}"', '"end" is missing'),
        ('turn = "{text}{end}"\nend = ""\nroles = { bot = "x" }', "no role bot"),
        ("turn = ", "is no template"),
    ],
)
def test_a_template_that_cannot_be_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "own.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        open_template("own.toml", tmp_path)
    assert told in str(caught.value)


def talk(number: int) -> list[dict[str, str]]:
    name = f"ann.smith{number}@mail{number}.org"
    return [
        {"role": "user", "content": f"{name} wrote to me. {TEXTS[number][:400]}"},
        {"role": "assistant", "content": f"Answer {name} like this: {TEXTS[number][400:700]}"},
        {"role": "user", "content": f"{name}"},
        {"role": "assistant", "content": f"<|im_end|> {TEXTS[number][700:900]} {name}"},
    ]


LONG = [number for number, text in enumerate(TEXTS) if len(text) > 900][:40]
SOURCES = """
name = "t"
[[source]]
name = "chat"
read = "conversations"
paths = ["chat.jsonl"]
steps = [{ where = "stars < 4" }]
[[source]]
name = "web"
read = "tables"
paths = ["web.jsonl"]
"""
REST = """
[scrub]
entities = ["EMAIL_ADDRESS"]
[mix]
tokens = 30_000
weights = { chat = 0.3, web = 0.7 }
materialize = true
[tokenize]
validation = 0.2
tokenizer = { train = { vocab_size = 700 } }
"""


def write(folder: Path, rest: str = REST) -> Path:
    folder.mkdir(exist_ok=True)
    chat = [
        json.dumps({"messages": talk(number), "topic": f"t{number % 3}", "stars": number % 5}) for number in LONG
    ] + ['{"messages": 7}']
    (folder / "chat.jsonl").write_text("\n".join(chat) + "\n", encoding="utf-8")
    (folder / "web.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS[:30]), encoding="utf-8")
    (folder / "recipe.toml").write_text(SOURCES + rest, encoding="utf-8")
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("chat")
    return curate.run(write(folder), out=folder / "run", workers=0)


def opened(run: curate.Run) -> Tokenizer:
    return load_tokenizer(run.folder / "tokenizer.json", control=TEMPLATES["chatml"].control)


def test_a_scrubbed_run_trains_on_the_answers_alone(run: curate.Run) -> None:
    tokenizer, checked = opened(run), 0
    for part in ("train", "validation"):
        array = open_shards(run.folder / "tokens" / part / "chat")
        for number, (id, size, count) in enumerate(array.documents().iter_rows()):
            tokens, mask = array.document(number), array.document_mask(number)
            assert size == int(tokenizer.token_bytes()[tokens].sum())
            text = tokenizer.decode(tokens)
            assert "@mail" not in text
            assert not MARK.search(text)
            borders = np.flatnonzero(np.diff([0, *mask.tolist(), 0])).reshape(-1, 2)
            said = [tokenizer.decode(tokens[first:last]) for first, last in borders.tolist()]
            if run.documents("chat").filter(pl.col("id") == id).collect()["token_count"][0] == count:
                assert len(said) == 2
                assert [each.endswith("<|im_end|>") for each in said] == [True, True]
                assert said[0].startswith("Answer ")
                assert said[1].startswith("<|im_end|> ")
                checked += 1
    assert checked > 15
    assert run.documents("chat").collect()["pii_email_address"].min() == 4


def test_documents_hold_the_conversation_as_it_is_written(run: curate.Run) -> None:
    documents = run.documents("chat").collect()
    assert set(documents["roles"]) == {"user assistant user assistant"}
    assert documents["text"].str.starts_with("<|im_start|>user\n").all()
    assert documents["text"].str.ends_with("<|im_end|>\n").all()
    assert not documents["text"].str.contains(MARK.pattern).any()


def test_what_a_row_says_besides_goes_with_its_document(run: curate.Run) -> None:
    documents = run.documents("chat").collect()
    assert set(documents["topic"]) == {"t0", "t1", "t2"}
    assert documents["stars"].max() == 3
    assert "messages" not in documents.columns


def test_a_malformed_conversation_is_in_the_ledger(run: curate.Run) -> None:
    [story] = stories(run, f"chat/chat.jsonl@{len((run.folder.parent / 'chat.jsonl').read_bytes()) - 16}")
    assert (story.outcome, story.reason) == ("quarantined", "no_conversation")


def test_a_mask_stands_beside_every_shard_that_has_answers_and_is_verified(run: curate.Run) -> None:
    names = sorted(
        path.relative_to(run.folder / "tokens").as_posix() for path in (run.folder / "tokens").rglob("*.mask")
    )
    assert names == ["train/chat/00000.mask", "train/mixed/00000.mask", "validation/chat/00000.mask"]
    assert curate.verify(run.folder).is_sound
    assert run.tokens(position=0).parts


def test_a_gathered_mask_is_that_of_the_gathered_tokens(run: curate.Run) -> None:
    for source in ("chat", "web", "mixed"):
        array = open_shards(run.folder / "tokens" / "train" / source)
        starts = np.array([0, 17, len(array) - 5, len(array) + 3], dtype=np.int64)
        runs = TokenRuns(starts % len(array), np.full(4, 40), np.arange(5))
        mask = array.gather_mask(runs, 40)
        whole = np.concatenate([array.document_mask(number) for number in range(len(array.ends))])
        assert (mask.dtype, mask.shape) == (np.uint8, (4, 40))
        assert (mask == whole[(starts[:, None] + np.arange(40)) % len(array)]).all()
        assert (array.masks is None) == (source == "web")
        assert bool(whole.all()) == (source == "web")


def test_trainers_learn_what_the_mask_says_and_nothing_else(run: curate.Run) -> None:
    torch = pytest.importorskip("torch")
    from curate.tokenize.torch_dataset import IGNORED, SampleDataset, torch_dataset
    from curate.train_min.head_loss import UNTRAINED
    from curate.train_min.loader import Loader, open_tokens

    data = open_tokens(run.folder)
    rows = Loader(data, context=64, seed=data.record.seed, device=torch.device("cpu")).rows(0, 40)
    is_learned = rows.targets != UNTRAINED
    assert rows.trained.tolist() == [int(is_learned[rows.sources == at].sum()) for at in range(len(rows.trained))]
    share = {name: data.train[name].masks for name in data.train}
    assert share["web"] is None
    for at, name in enumerate(data.train):
        learned = float(is_learned[rows.sources == at].float().mean())
        whole = 1.0 if share[name] is None else float(np.concatenate(share[name]).mean())
        assert learned == pytest.approx(whole, abs=0.1)
    samples = torch_dataset(run.folder, row_length=64)
    assert isinstance(samples, SampleDataset)
    for position in range(40):
        labels = samples[position]["labels"]
        assert torch.equal(labels == IGNORED, rows.targets[position] == UNTRAINED)
        assert torch.equal(labels[labels != IGNORED], rows.targets[position][rows.targets[position] != UNTRAINED])


def test_the_mixed_sequence_masks_the_same_tokens(run: curate.Run) -> None:
    mixed, chat = (open_shards(run.folder / "tokens" / "train" / name) for name in ("mixed", "chat"))
    of = {id: number for number, id in enumerate(chat.documents()["id"])}
    compared = 0
    for number, row in enumerate(mixed.documents().iter_rows(named=True)):
        mask = mixed.document_mask(number)
        if row["source"] == "web":
            assert mask.all()
        elif row["tokens"] == len(chat.document(of[row["id"]])):
            assert (mask == chat.document_mask(of[row["id"]])).all()
            compared += 1
    assert compared > 5


def test_a_damaged_mask_is_told(run: curate.Run, tmp_path: Path) -> None:
    for file in (run.folder / "tokens" / "train" / "chat").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[: -1 if file.suffix == ".mask" else None])
    with pytest.raises(CheckFailed, match="bytes for"):
        open_shards(tmp_path).document_mask(0)


def test_the_same_run_comes_of_several_workers(run: curate.Run, tmp_path: Path) -> None:
    other = curate.run(run.folder.parent / "recipe.toml", out=tmp_path / "run", workers=2)
    assert {
        name: entry["sha256"] for name, entry in other.manifest["outputs"].items() if name.startswith("tokens/")
    } == {name: entry["sha256"] for name, entry in run.manifest["outputs"].items() if name.startswith("tokens/")}


CUTTING = """
import re
import curate

@curate.transform
def reply(document: curate.Document) -> str:
    return document.text.replace("Answer", "Reply")

@curate.transform
def cut(document: curate.Document) -> str:
    return re.sub("\\n\\n.{0,2}Answer.*", "", document.text) if "smith1@" in document.text else document.text
"""


@pytest.mark.parametrize(
    ("step", "reasons"),
    [("reply", [("kept", None, 3)]), ("cut", [("dropped", "lost_turn", 1), ("kept", None, 2)])],
)
def test_a_step_that_cuts_a_turn_out_costs_its_conversation(tmp_path: Path, step: str, reasons: list[Any]) -> None:
    (tmp_path / "cutting.py").write_text(CUTTING)
    chat = [json.dumps({"messages": talk(number)}) for number in (1, 2, 3)]
    (tmp_path / "chat.jsonl").write_text("\n".join(chat) + "\n", encoding="utf-8")
    rest = f'steps = ["cutting:{step}"]\n[tokenize]\ntokenizer = "bytes"\ntemplate = "plain"\nvalidation = 0\n'
    (tmp_path / "recipe.toml").write_text(SOURCES.partition("steps")[0] + rest)
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    assert run.ledger("chat").collect().group_by("outcome", "reason").len().sort("outcome").rows() == reasons
    said = "Assistant:\nReply " if step == "reply" else "Assistant:\nAnswer "
    assert run.documents().collect()["text"].str.contains(said).all()


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ('[tokenize]\ntokenizer = "bytes"\n', "no control token <|im_start|> and <|im_end|>"),
        ('[tokenize]\ntemplate = "chatlm"\n', 'no template "chatlm"'),
        ('[tokenize]\nend_of_text = "<|im_end|>"\n', "stands twice, or ends a text already"),
        ('[tokenize.fim]\nsources = ["chat"]\n', "no middle to fill in"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_runs(tmp_path: Path, rest: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        curate.check(write(tmp_path, rest))
    assert told in str(caught.value)


def test_a_tokenizer_that_ends_texts_with_the_end_of_a_turn_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '[tokenize]\ntokenizer = "tokenizer.json"\n')
    (tmp_path / "tokenizer.json").write_text(train_bpe(TEXTS[:5], vocab_size=400, special_tokens=CONTROL))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": "<|im_end|>"}')
    with pytest.raises(RecipeError, match="has it within a text; name another one"):
        curate.check(path)
    given: dict[str, Any] = {"eos_token": "<|endoftext|>"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(given))
    curate.check(path)


def test_an_export_for_datasets_has_the_mask_as_a_column(run: curate.Run, tmp_path: Path) -> None:
    for source in ("chat", "web"):
        export(run, "hf", out=tmp_path / source, sources=[source])
    table = pl.read_parquet(tmp_path / "chat" / "train-*.parquet")
    array = open_shards(run.folder / "tokens" / "train" / "chat")
    for number, row in enumerate(table.iter_rows(named=True)):
        assert row["input_ids"] == array.document(number).tolist()
        assert row["loss_mask"] == array.document_mask(number).tolist()
    assert pl.read_parquet(tmp_path / "web" / "train-*.parquet").columns == ["id", "input_ids"]


def test_a_system_prompt_that_repeats_may_be_cut_out_of_conversations(tmp_path: Path) -> None:
    prompt = {"role": "system", "content": "You are a patient teacher who answers questions in full sentences."}
    chat = [json.dumps({"messages": [prompt, *talk(number)]}) for number in LONG[:8]]
    (tmp_path / "chat.jsonl").write_text("\n".join(chat) + "\n", encoding="utf-8")
    rest = '[dedup]\nmethod = ["lines"]\n[tokenize]\ntokenizer = "bytes"\ntemplate = "plain"\nvalidation = 0\n'
    (tmp_path / "recipe.toml").write_text(SOURCES.partition("steps")[0] + rest)
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    texts = run.documents().collect()["text"]
    # The best of the documents keeps it.
    assert sorted(text.partition("\n")[0] for text in texts) == ["System:", *["User:"] * 7]
    assert texts.str.count_matches("Assistant:\n").to_list() == [2] * 8


def test_no_documents_have_no_tokens() -> None:
    for opened in (tokenizer(), load_tokenizer("bytes")):
        found = encode_arranged(opened, [])
        assert (len(found.tokens), found.offsets.tolist(), len(found.targets), len(found.text_tokens)) == (0, [0], 0, 0)


def test_a_mixture_that_needs_more_of_a_conversation_than_the_run_has_kept_is_refused(tmp_path: Path) -> None:
    """Its text spells control tokens out, and so may a message: which is which only the run itself has known."""
    rest = REST.replace("materialize = true\n", "").replace("30_000", "2_000")
    run = curate.run(write(tmp_path, rest), out=tmp_path / "run", workers=0, keep_intermediate=False)
    before = (run.folder / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="kept all tokens of chat, and its documents/ do not tell the control tokens"):
        run.mix({"tokens": 30_000}, apply=True, encode=True)
    assert (run.folder / "manifest.json").read_bytes() == before
