"""The tokenizer of a run: trained or taken, with the end-of-text that the recipe names or the files declare."""

from __future__ import annotations

import json
from pathlib import Path
from pydoc_data import topics

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

import curate
from curate.errors import DocumentError, RecipeError
from curate.pipeline.check import check_recipe
from curate.recipe_file import load
from curate.recipe_form import digest
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.mix import read_mixture
from curate.tokenize.shards import open_shards
from curate.tokenize.train import train_bpe

TEXTS = list(topics.topics.values())[:20]


def write(folder: Path, tokenize: str) -> Path:
    lines = [json.dumps({"text": text + " <eos> and <|endoftext|>"}) for text in TEXTS]
    (folder / "notes.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    source = '[[source]]\nname = "notes"\nread = "tables"\npaths = ["notes.jsonl"]\n'
    (folder / "recipe.toml").write_text(f'name = "t"\n{source}[tokenize]\nvalidation = 0.0\n{tokenize}\n')
    return folder / "recipe.toml"


def test_a_trained_tokenizer_ends_texts_with_the_name_that_the_recipe_gives(tmp_path: Path) -> None:
    recipe = write(tmp_path, 'tokenizer = { train = { vocab_size = 400 } }\nend_of_text = "<eos>"')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    vocabulary = read_mixture(run.folder / "tokens" / "mixture.json").vocabulary
    assert (vocabulary.end_of_text_token, vocabulary.end_of_text) == ("<eos>", 0)
    assert run.manifest["tokenizer"] == {"file": "tokenizer.json", "end_of_text": "<eos>", "encoder": "fastokens"}
    tokenizer = load_tokenizer(run.folder / "tokenizer.json")
    assert tokenizer.end_of_text_token == "<eos>"
    shards = open_shards(run.folder / "tokens" / "train" / "notes")
    assert [shards.document(number).tolist().count(0) for number in range(20)] == [1] * 20
    assert tokenizer.decode(shards.document(0)).endswith("<eos> and <|endoftext|><eos>")


def test_a_tokenizer_that_is_taken_keeps_its_config_and_its_special_tokens(tmp_path: Path) -> None:
    """The run's own copy must read as the original does: what the config calls special is so in every worker."""
    table = json.loads(train_bpe(TEXTS, vocab_size=400, end_of_text="<eos>"))
    table["added_tokens"][0]["special"] = False
    (tmp_path / "own.json").write_text(json.dumps(table))
    recipe = write(tmp_path, 'tokenizer = "own.json"')
    with pytest.raises(RecipeError, match=r"recipe\.toml:8: .*own\.json declares no token that could end a text"):
        check_recipe(load(recipe))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "<eos>"}}')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    assert (run.folder / "tokenizer_config.json").is_file()
    assert {"tokenizer.json", "tokenizer_config.json"} <= run.manifest["outputs"].keys()
    shards = open_shards(run.folder / "tokens" / "train" / "notes")
    assert [shards.document(number).tolist().count(0) for number in range(20)] == [1] * 20


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_run_trains_what_its_recipe_asks_for(tmp_path: Path, kind: str) -> None:
    options = f"""kind = "{kind}", digits = "single", whitespace = "single", special_tokens = ["<|user|>", "class"]"""
    recipe = write(tmp_path, f"tokenizer = {{ train = {{ vocab_size = 700, {options} }} }}")
    run = curate.run(recipe, out=tmp_path / "run", workers=1)
    told = json.loads((run.folder / "tokenizer_config.json").read_text())
    assert told == {"eos_token": "<|endoftext|>", "additional_special_tokens": ["<|user|>", "class"]}
    assert {"tokenizer.json", "tokenizer_config.json"} <= run.manifest["outputs"].keys()
    # The manifest tells where the fast encoder did not know a tokenizer, and the reference encodes.
    assert run.manifest["tokenizer"]["encoder"] == {"bpe": "fastokens", "unigram": "tokenizers"}[kind]
    table = json.loads((run.folder / "tokenizer.json").read_text())
    assert table["model"]["type"].lower() == kind
    assert [(token["content"], token["id"]) for token in table["added_tokens"]] == [
        ("<|endoftext|>", 0),
        ("<|user|>", 1),
        ("class", 2),
    ]
    tokenizer = load_tokenizer(run.folder / "tokenizer.json")
    assert (tokenizer.vocab_size, tokenizer.end_of_text_token) == (700, "<|endoftext|>")
    assert sum(piece.isdigit() and len(piece) > 1 for piece in tokenizer.backend.pieces) == 0
    shards = open_shards(run.folder / "tokens" / "train" / "notes")
    for number, text in enumerate(TEXTS):
        tokens = shards.document(number).tolist()
        assert tokens[-1] == 0
        assert not {0, 1, 2} & set(tokens[:-1])
        assert tokenizer.decode(tokens[:-1]) == text + " <eos> and <|endoftext|>"
    again = curate.run(recipe, out=tmp_path / "again", workers=0)
    assert (again.folder / "tokenizer.json").read_bytes() == (run.folder / "tokenizer.json").read_bytes()


def test_the_sample_is_weighted_as_the_recipe_says_and_else_as_the_mixture(tmp_path: Path) -> None:
    for name, word in (("left", "abracadabra"), ("right", "xyloxyloxylo")):
        lines = [json.dumps({"text": f"{word} {number}"}) for number in range(200)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    sources = "".join(
        f'[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}.jsonl"]\n' for name in ("left", "right")
    )
    found = {}
    for weights in ("", ", sample_weights = { left = 1 }", ", sample_weights = { right = 2 }"):
        train = "{ train = { vocab_size = 300" + weights + " } }"
        text = f'name = "t"\n{sources}[mix]\nweights = {{ left = 0.5, right = 0.5 }}\n[tokenize]\ntokenizer = {train}\n'
        (tmp_path / "recipe.toml").write_text(text)
        run = curate.run(tmp_path / "recipe.toml", out=tmp_path / f"run{len(found)}", workers=0)
        vocabulary = json.loads((run.folder / "tokenizer.json").read_text())["model"]["vocab"]
        found[weights] = {word for word in ("abracadabra", "xyloxyloxylo") if word in vocabulary}
    assert list(found.values()) == [{"abracadabra", "xyloxyloxylo"}, {"abracadabra"}, {"xyloxyloxylo"}]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ('kind = "wordpiece"', "train.*kind|wordpiece"),
        ('digits = "pairs"', "pairs"),
        ("sample_weights = { nots = 1 }", 'unknown source "nots".*notes'),
        ("sample_weights = { notes = 0 }", "all zero"),
        ("sample_weights = { notes = -1 }", "at least 0"),
        ('special_tokens = ["x"]', 'special token "x" must have two characters'),
        ('special_tokens = ["<|endoftext|>"]', "ends a text already"),
        ('special_tokens = ["<a>", "<b>"], vocab_size = 258', "at least 259 ids"),
        ('kind = "unigram", vocab_size = 257', "at least 258 ids"),
    ],
)
def test_a_training_that_cannot_be_is_refused_with_its_line(tmp_path: Path, train: str, message: str) -> None:
    with pytest.raises(RecipeError, match=rf"recipe\.toml:8: .*({message})"):
        check_recipe(load(write(tmp_path, f"tokenizer = {{ train = {{ {train} }} }}")))


def test_a_special_token_that_cannot_be_is_refused_at_its_own_line(tmp_path: Path) -> None:
    recipe = write(tmp_path, '[tokenize.tokenizer.train]\nvocab_size = 400\nspecial_tokens = ["x"]')
    with pytest.raises(
        RecipeError, match=r'recipe\.toml:10: \[tokenize\]: the special token "x" must have two'
    ) as caught:
        check_recipe(load(recipe))
    assert str(caught.value).count("recipe.toml") == 1


@pytest.mark.parametrize(
    ("tokenize", "line", "message"),
    [
        ('tokenizer = "own.json"\nend_of_text = "<end>"', 9, 'no token "<end>"'),
        ('tokenizer = "bytes"\nend_of_text = "<eos>"', 9, '"bytes" ends a text with the id 256'),
        ('end_of_text = "a"', 8, "must have two characters"),
        ('tokenizer = "missing.json"', 8, "there is no tokenizer"),
        ('tokenizer = "spiece.model"', 8, "is no SentencePiece model|declares no piece"),
        ('tokenizer = "."', 8, "there is no tokenizer"),
    ],
)
def test_a_tokenizer_that_cannot_be_is_refused_with_its_line(
    tmp_path: Path, tokenize: str, line: int, message: str
) -> None:
    (tmp_path / "own.json").write_text(train_bpe(TEXTS, vocab_size=400, end_of_text="<eos>"))
    (tmp_path / "spiece.model").write_bytes(b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02")
    with pytest.raises(RecipeError, match=rf"recipe\.toml:{line}: .*{message}"):
        check_recipe(load(write(tmp_path, tokenize)))


def test_another_name_for_the_mark_is_another_recipe(tmp_path: Path) -> None:
    digests = set()
    for number, tokenize in enumerate(("", 'end_of_text = "<eos>"')):
        (tmp_path / str(number)).mkdir()
        digests.add(digest(load(write(tmp_path / str(number), tokenize))))
    assert len(digests) == 2


def test_a_text_on_which_the_library_panics_is_quarantined_alone(tmp_path: Path) -> None:
    """A panic of Rust is no Exception; here the split's expression gives up on a run of one letter."""
    library = Tokenizer(models.WordLevel({"[UNK]": 0, "[SEP]": 1, "word": 2}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Split(Regex(r"(x+x+)+y| "), "isolated")
    library.add_special_tokens(["[UNK]", "[SEP]"])
    library.save(str(tmp_path / "own.json"))
    with pytest.raises(DocumentError, match=r"own\.json cannot encode a text: .*retry-limit"):
        load_tokenizer(tmp_path / "own.json").encode_batch(["a word", "x" * 40])
    recipe = write(tmp_path, 'tokenizer = "own.json"')
    (tmp_path / "notes.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a", "x" * 40, "b")))
    run = curate.run(recipe, out=tmp_path / "run", workers=1)
    ledger = run.ledger().collect()
    assert ledger["outcome"].to_list() == ["kept", "quarantined", "kept"]
    assert ledger["step"].to_list()[1] == "encode"
    assert "retry-limit" in ledger["value"].to_list()[1]
