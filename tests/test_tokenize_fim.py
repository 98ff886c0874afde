"""Fill-in-the-middle: undone it is the document again; marks come from nowhere else; without them nothing starts."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from pydoc_data import topics

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

import curate
from curate.errors import RecipeError, UsageError
from curate.recipe import Fim
from curate.report.why import stories
from curate.tokenize.arranged import Section, encode_arranged
from curate.tokenize.encode import Tokenizer as OurTokenizer
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.fim import DEFAULT, KNOWN, Hole, MarkIds, arrange, choose_holes, find_marks, undo, wanted_marks
from curate.tokenize.json_file import JsonFile
from curate.tokenize.shards import open_shards
from curate.tokenize.train import train_bpe

FIM = Fim(sources=("code",))
TEXTS = [text.strip() for text in topics.topics.values()]
SCRIPTS = st.text(
    st.sampled_from("abc \n\t{}éßñЖдαω日本語漢字かなहिन्दीعربيעברית한국어ไทย😀👩🏽‍💻<|>") | st.characters(codec="utf-8"),
    max_size=60,
)


@functools.cache
def byte_level() -> OurTokenizer:
    """As a run trains it."""
    content = train_bpe(TEXTS[:20], vocab_size=600, special_tokens=DEFAULT)
    return OurTokenizer("tokenizer.json", "", JsonFile(content, Path("tokenizer.json"), "<|endoftext|>", named=DEFAULT))


@functools.cache
def with_first_space() -> OurTokenizer:
    """As Llama 2's: a BPE over characters that puts a space before every text, its marks no special tokens."""
    names = ["<unk>", "</s>", *(f"<0x{value:02X}>" for value in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz"]
    library = Tokenizer(
        models.BPE({name: number for number, name in enumerate(names)}, [], unk_token="<unk>", byte_fallback=True)
    )
    library.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    library.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    library.add_special_tokens([AddedToken("</s>", special=True)])
    library.add_tokens([AddedToken(mark, special=False, normalized=False) for mark in KNOWN[1]])
    return OurTokenizer(
        "tokenizer.json", "", JsonFile(library.to_str(), Path("tokenizer.json"), named=wanted_marks(FIM))
    )


def marks_of(tokenizer: OurTokenizer) -> MarkIds:
    return find_marks(FIM, tokenizer.control, tokenizer.end_of_text_token)


@pytest.mark.parametrize("open_tokenizer", [byte_level, with_first_space])
@settings(deadline=None, max_examples=150)
@given(text=SCRIPTS, first=st.integers(0, 60), second=st.integers(0, 60), is_suffix_first=st.booleans())
def test_undone_it_is_the_document(open_tokenizer, text: str, first: int, second: int, is_suffix_first: bool) -> None:  # type: ignore[no-untyped-def]
    tokenizer = open_tokenizer()
    text = text.replace("▁", "_") if open_tokenizer is with_first_space else text  # there this is the space itself
    low, high = sorted((min(first, len(text)), min(second, len(text))))
    sections = arrange(text, Hole(low, high, is_suffix_first), marks_of(tokenizer), tokenizer.end_of_text)
    tokens = encode_arranged(tokenizer, [sections]).tokens.tolist()
    assert tokens[-1] == tokenizer.end_of_text
    assert [tokens.count(mark) for mark in marks_of(tokenizer)] == [1, 1, 1]
    before, inside, behind = undo(tokens[:-1], marks_of(tokenizer))
    assert tokenizer.decode(before) + tokenizer.decode(inside) + tokenizer.decode(behind) == text
    if not is_suffix_first:
        assert tokenizer.decode(before) == text[:low]


def test_the_order_of_the_parts_is_that_of_the_paper() -> None:
    marks = MarkIds(1, 2, 3)
    psm, spm = (arrange("abcdef", Hole(1, 4, is_first), marks, 0) for is_first in (False, True))
    assert [each.content for each in psm] == [1, "a", 2, "ef", 3, "bcd", 0]
    assert [each.content for each in spm] == [1, 2, "ef", 3, "a", "bcd", 0]


def test_places_are_uniform_and_depend_on_the_id_alone() -> None:
    ids = pl.Series([f"code/file@{number}" for number in range(20_000)])
    holes = choose_holes(ids, ["0123456789"] * len(ids), FIM, seed=7)
    found = np.bincount([place for hole in holes for place in hole[:2]], minlength=11)
    assert np.abs(found / found.sum() - 1 / 11).max() < 0.005
    assert abs(np.mean([hole.is_suffix_first for hole in holes]) - 0.5) < 0.02
    assert choose_holes(ids[100:101], ["0123456789"], FIM, seed=7) == holes[100:101]
    assert choose_holes(ids[100:110], ["0123456789"] * 10, FIM, seed=8) != holes[100:110]


@pytest.mark.parametrize("marks", KNOWN, ids=lambda marks: marks.prefix)
def test_marks_are_found_however_they_are_spelled(marks: tuple[str, str, str]) -> None:
    control = {"</s>": 0, **{mark: number for number, mark in enumerate(marks, start=1)}}
    assert find_marks(FIM, control, "</s>") == (1, 2, 3)


@pytest.mark.parametrize(
    ("control", "fim", "told"),
    [
        ({"</s>": 0}, FIM, "no control token <|fim_prefix|> or <|fim_suffix|> or <|fim_middle|>"),
        ({"</s>": 0, "<fim_prefix>": 1, "<fim_suffix>": 2}, FIM, "it has <fim_prefix>, <fim_suffix>"),
        ({mark: 0 for marks in KNOWN[:2] for mark in marks}, FIM, "several spellings"),
        ({"</s>": 0, "a": 1, "b": 2}, Fim(("code",), prefix="a", suffix="b", middle="c"), "no control token c"),
        ({"</s>": 0, "a": 1, "b": 2}, Fim(("code",), prefix="a", suffix="b", middle="b"), "must be four tokens"),
        ({"</s>": 0}, Fim(("code",), prefix="a"), "named together"),
    ],
)
def test_what_is_missing_is_named(control: dict[str, int], fim: Fim, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_marks(fim, control, "</s>")
    assert told in str(caught.value)


def test_text_that_spells_a_mark_stays_text() -> None:
    for tokenizer in (byte_level(), with_first_space()):
        text = "".join(mark for marks in KNOWN for mark in marks).replace("▁", "_")
        sections = [Section(text), Section(tokenizer.end_of_text)]
        tokens = encode_arranged(
            tokenizer, [sections, [Section(marks_of(tokenizer).prefix), *sections]]
        ).tokens.tolist()
        assert tokens.count(marks_of(tokenizer).prefix) == 1
        assert not {*marks_of(tokenizer)[1:]} & {*tokens}
        assert tokenizer.decode(tokens[: tokens.index(tokenizer.end_of_text)]).strip() == text
        assert not tokenizer.token_bytes()[list(marks_of(tokenizer))].any()


def write(folder: Path, rest: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, texts in (("code", TEXTS[:60]), ("web", TEXTS[60:75])):
        lines = [json.dumps({"text": text}) for text in texts]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    blocks = [f'[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}.jsonl"]\n' for name in ("code", "web")]
    (folder / "recipe.toml").write_text('name = "t"\n' + "".join(blocks) + rest, encoding="utf-8")
    return folder / "recipe.toml"


TRAINED = """
[tokenize]
validation = 0.2
tokenizer = { train = { vocab_size = 700 } }
[tokenize.fim]
sources = ["code"]
rate = 0.6
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("fim")
    return curate.run(write(folder, TRAINED), out=folder / "run", workers=0)


def opened(run: curate.Run) -> tuple[OurTokenizer, MarkIds]:
    tokenizer = load_tokenizer(run.folder / "tokenizer.json", control=DEFAULT)
    return tokenizer, marks_of(tokenizer)


def test_a_run_rearranges_training_documents_of_its_sources_and_no_others(run: curate.Run) -> None:
    tokenizer, marks = opened(run)
    texts = dict(run.documents("code").select("id", "text").collect().iter_rows())
    kinds = []
    for part, source in (("train", "code"), ("train", "web"), ("validation", "code"), ("validation", "web")):
        array = open_shards(run.folder / "tokens" / part / source)
        for number, (id, size, _) in enumerate(array.documents().iter_rows()):
            tokens = array.document(number).tolist()[:-1]
            is_rearranged = tokens[0] == marks.prefix
            assert is_rearranged == bool({*marks} & {*tokens})
            if is_rearranged:
                assert "".join(tokenizer.decode(each) for each in undo(tokens, marks)) == texts[id]
            elif source == "code":
                assert tokenizer.decode(tokens) == texts[id]
            assert size == int(tokenizer.token_bytes()[tokens].sum())
            kinds.append((part, source, is_rearranged))
    assert 15 < kinds.count(("train", "code", True)) < 45
    assert {kind[:2] for kind in kinds if kind[2]} == {("train", "code")}


def test_a_run_can_be_verified_and_asked(run: curate.Run) -> None:
    assert curate.verify(run.folder).is_sound
    _, marks = opened(run)
    array = open_shards(run.folder / "tokens" / "train" / "code")
    number = next(number for number in range(len(array.ends)) if array.document(number)[0] == marks.prefix)
    id = array.documents()["id"][number]
    told = "".join(part.text for part in run.tokens(document=id).parts)
    assert all(mark in told for mark in DEFAULT)
    [story] = stories(run, id)
    assert story.id == id


def test_where_all_documents_are_rearranged_none_gives_its_end_to_validation(tmp_path: Path) -> None:
    path = write(tmp_path, TRAINED.replace("0.2", "0.000001").replace("0.6", "1.0"))
    run = curate.run(path, out=tmp_path / "run", workers=0)
    assert not (run.folder / "tokens" / "validation" / "code").exists()
    assert any("rearranged for fill-in-the-middle" in note for note in run.mixture["mixture"]["notes"])


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ('[tokenize]\ntokenizer = "bytes"\n[tokenize.fim]\nsources = ["code"]\n', "no control token <|fim_prefix|>"),
        ('[tokenize.fim]\nsources = ["codes"]\n', 'unknown source "codes"'),
        ('[tokenize.fim]\nsources = ["code"]\nrate = 1.5\n', "rate"),
        ('[tokenize.fim]\nsources = ["code"]\nprefix = "<a>"\n', "named together"),
        ('[tokenize.fim]\nsources = ["code"]\nprefix = "<a>"\nsuffix = "<b>"\nmiddle = "<b>"\n', "stands twice"),
        (
            '[tokenize]\ntokenizer = { train = { vocab_size = 259 } }\n[tokenize.fim]\nsources = ["code"]\n',
            "needs at least 260 ids, not 259",
        ),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_before_it_runs(tmp_path: Path, rest: str, told: str) -> None:
    with pytest.raises(RecipeError) as caught:
        curate.check(write(tmp_path, rest))
    assert told in str(caught.value)
