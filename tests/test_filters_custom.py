"""Users' own steps: functions next to the recipe, plug-ins, and SQL expressions."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

from curate.batch import Filter
from curate.errors import UsageError
from curate.filters import custom
from curate.filters.custom import resolve_custom
from curate.filters.where import check_where, columns_of, where
from curate.recipe import Recipe, Source, Step
from curate.steps.bind import resolve

SOURCE = """
from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from curate.batch import Document
from curate.filters import custom


@dataclass
class Settings:
    limit: int = 3


@custom.filter
def no_recipes(document: Document, words: tuple[str, ...] = ("tablespoon",), limit: float = 1) -> bool:
    return sum(document.text.count(word) for word in words) < limit


@custom.filter(batch=True)
def long_enough(batch: pl.DataFrame, min_length: int = Settings().limit) -> pl.Series:
    return batch["text"].str.len_chars() >= min_length


@custom.signal(dtype=pl.Float32)
def exclamations_per_word(batch: pl.DataFrame) -> pl.Series:
    return batch["text"].str.count_matches("!") / (batch["text"].str.count_matches(" ") + 1)


@custom.signal(dtype=pl.Int64)
def number(batch: pl.DataFrame) -> pl.Series:
    return batch["text"].cast(pl.Int64)


@custom.transform
def shout(document: Document, mark: str = "!") -> str:
    return document.text.upper() + mark


@custom.filter
def fragile(document: Document) -> bool:
    return document.columns["author"] != "" and 1 / len(document.text) > 0


@custom.filter
def undecided(document: Document) -> bool:
    return 1


@custom.filter(batch=True)
def short(batch: pl.DataFrame) -> pl.Series:
    return pl.Series([True])


@custom.filter
def gives_up(document: Document) -> bool:
    match document.text:
        case "exit":
            raise SystemExit(3)
        case "panic":
            raise BaseException("a panic in Rust")
        case "unwritable":
            raise ValueError("half a \\ud800 character")
        case "unprintable":
            raise Unprintable
    return True


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@custom.signal(dtype=pl.Int64)
def takes_out(batch: pl.DataFrame) -> pl.Series:
    if batch["text"].str.contains("exit").any():
        raise SystemExit(3)
    texts = batch.drop_in_place("text")
    batch.insert_column(0, texts.str.to_uppercase())
    return texts.str.len_chars()


def plain(document, words=("x",)):
    return document.text not in words


def two_arguments(document, other):
    return True


LIMIT = 3
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "my_filters.py").write_text(textwrap.dedent(SOURCE), encoding="utf-8")
    return tmp_path


def batch(*texts: str) -> pl.DataFrame:
    ids = [f"web/a@{number}" for number in range(len(texts))]
    return pl.DataFrame(
        {"id": ids, "source": "web", "text": texts, "url": None, "author": "Ann"},
        schema_overrides={"text": pl.String, "url": pl.String},
    )


def measure(step: Filter, data: pl.DataFrame) -> pl.DataFrame:
    assert step.measure is not None
    return step.measure(data)


def keeps(step: Filter, data: pl.DataFrame) -> list[bool | None]:
    return measure(step, data).select(step.rules[0].keep).to_series().to_list()


def test_a_per_document_filter_takes_its_parameters_from_the_recipe(base: Path) -> None:
    data = batch("one tablespoon", "a cup", "")
    assert keeps(resolve_custom("my_filters:no_recipes", {}, base=base), data) == [False, True, True]
    step = resolve_custom("my_filters:no_recipes", {"words": ["cup"], "limit": 1}, base=base)
    assert keeps(step, data) == [True, False, True]


def test_a_batch_filter_answers_with_a_boolean_column(base: Path) -> None:
    step = resolve_custom("my_filters:long_enough", {}, base=base)
    assert keeps(step, batch("ab", "abc")) == [False, True]
    assert measure(step, batch()).schema["long_enough"] == pl.Boolean


def test_a_signal_adds_a_column_that_a_where_decides_on(base: Path) -> None:
    step = resolve_custom("my_filters:exclamations_per_word", {}, base=base)
    data = measure(step, batch("Buy! now!", "a quiet day"))
    assert step.rules == ()
    assert data.schema["exclamations_per_word"] == pl.Float32
    decision = where("exclamations_per_word < 0.1 AND author = 'Ann'").rules[0]
    assert data.select(decision.keep).to_series().to_list() == [False, True]


def test_a_transform_replaces_the_text(base: Path) -> None:
    data = measure(resolve_custom("my_filters:shout", {"mark": "?"}, base=base), batch("hello", "du"))
    assert data["text"].to_list() == ["HELLO?", "DU?"]
    assert data["error"].null_count() == 2


def test_an_undecorated_function_of_one_required_argument_is_a_filter(base: Path) -> None:
    assert keeps(resolve_custom("my_filters:plain", {}, base=base), batch("x", "y")) == [False, True]
    with pytest.raises(UsageError, match="is no step"):
        resolve_custom("my_filters:two_arguments", {}, base=base)


def test_an_exception_costs_its_document_only_and_says_where_it_happened(base: Path) -> None:
    data = measure(resolve_custom("my_filters:fragile", {}, base=base), batch("a", "", "b"))
    assert data["fragile"].to_list() == [True, None, True]
    errors = data["error"].to_list()
    assert errors[0] is None
    assert errors[2] is None
    assert errors[1].startswith("ZeroDivisionError: division by zero (my_filters.py:")
    assert errors[1].endswith('return document.columns["author"] != "" and 1 / len(document.text) > 0)')


def test_whatever_a_function_raises_costs_its_document_only_and_can_be_written(base: Path, tmp_path: Path) -> None:
    step = resolve_custom("my_filters:gives_up", {}, base=base)
    data = measure(step, batch("a", "exit", "panic", "unwritable", "unprintable", "b"))
    assert data["gives_up"].to_list() == [True, None, None, None, None, True]
    data.write_parquet(tmp_path / "data.parquet")
    told = [error.partition(" (")[0] for error in data["error"][1:5]]
    assert told[:3] == ["SystemExit: 3", "BaseException: a panic in Rust", "ValueError: half a \\ud800 character"]
    assert told[3] == "Unprintable"


def test_what_a_batch_function_does_to_its_columns_in_place_does_not_reach_the_documents(base: Path) -> None:
    data = measure(resolve_custom("my_filters:takes_out", {}, base=base), batch("ab", "exit", "c"))
    assert data["text"].to_list() == ["ab", "exit", "c"]
    assert data["takes_out"].to_list() == [2, None, 1]
    assert [error is None for error in data["error"]] == [True, False, True]


def test_an_answer_that_is_neither_true_nor_false_is_an_error_of_the_document(base: Path) -> None:
    data = measure(resolve_custom("my_filters:undecided", {}, base=base), batch("a"))
    assert data["error"].to_list() == ["TypeError: the filter returned int; it must return True or False"]


def test_a_batch_function_that_fails_is_asked_for_each_document_alone(base: Path) -> None:
    data = measure(resolve_custom("my_filters:number", {}, base=base), batch("1", "two", "3"))
    assert data["number"].to_list() == [1, None, 3]
    assert [error is None for error in data["error"]] == [True, False, True]


def test_an_error_that_a_document_has_already_stays(base: Path) -> None:
    step = resolve_custom("my_filters:fragile", {}, base=base)
    data = measure(step, batch("", "").with_columns(error=pl.Series(["earlier", None])))
    assert data["error"][0] == "earlier"
    assert data["error"][1].startswith("ZeroDivisionError")


def test_a_batch_function_of_the_wrong_shape_ends_the_run(base: Path) -> None:
    with pytest.raises(UsageError, match="1 values for a batch of 2"):
        measure(resolve_custom("my_filters:short", {}, base=base), batch("a", "b"))


@pytest.mark.parametrize(
    ("use", "parameters", "message"),
    [
        ("my_filters:no_recipes", {"wrods": ["a"]}, 'did you mean "words"'),
        ("my_filters:no_recipes", {"words": "a"}, "expected a list"),
        ("my_filters:long_enough", {"min_length": 1.5}, "expected a whole number"),
        ("my_filters:no_recipe", {}, 'did you mean "no_recipes"'),
        ("my_filters:LIMIT", {}, "has no function"),
        ("your_filters:f", {}, "your_filters.py nor installed"),
        ("no_recipes", {}, "module:function"),
    ],
)
def test_mistakes_in_a_recipe_are_answered(base: Path, use: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_custom(use, parameters, base=base)


def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(UsageError, match=r"broken\.py cannot be imported: ModuleNotFoundError"):
        resolve_custom("broken:f", {}, base=tmp_path)


def test_the_users_file_is_named_with_its_checksum_and_read_again_when_it_changes(base: Path) -> None:
    path_before = list(sys.path)
    first = resolve_custom("my_filters:no_recipes", {}, base=base).files[0]
    source = base / "my_filters.py"
    source.write_text(source.read_text().replace("tablespoon", "cup"))
    step = resolve_custom("my_filters:no_recipes", {}, base=base)
    assert Path(first.path) == source.resolve()
    assert first.sha256 != step.files[0].sha256
    assert keeps(step, batch("one tablespoon", "a cup")) == [True, False]
    assert sys.path == path_before
    assert "my_filters" not in sys.modules


def test_an_installed_plugin_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plug.py").write_text(SOURCE)
    (tmp_path / "plug-1.dist-info").mkdir()
    (tmp_path / "plug-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1\n")
    (tmp_path / "plug-1.dist-info" / "entry_points.txt").write_text("[curate.plugins]\nquiet = plug:no_recipes\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert keeps(resolve_custom("quiet", {}, base=tmp_path), batch("a tablespoon")) == [False]
    with pytest.raises(UsageError, match='did you mean "quiet"'):
        resolve_custom("quit", {}, base=tmp_path)


def test_a_decorated_function_of_the_running_script_is_named_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @custom.filter
    def polite(document: object) -> bool:
        return True

    monkeypatch.setattr(sys.modules["__main__"], "polite", polite, raising=False)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(tmp_path / "scripts" / "job.py"), raising=False)
    recipe = Recipe("r", sources=(Source("web", "warc", ("x",), steps=(Step("polite"),)),), base=tmp_path / "recipes")
    assert resolve(recipe).sources[0].steps[0].use == "../scripts/job.py:polite"


def test_a_decorated_function_can_still_be_called() -> None:
    @custom.filter
    def is_short(text: str) -> bool:
        return len(text) < 3

    assert is_short("ab")


def test_where_keeps_what_is_true_and_drops_null_as_sql_does() -> None:
    data = pl.DataFrame({"word_count": [10, 50, None], "language": ["en", "de", "en"]})
    rule = where("word_count > 30 OR language IN ('xx')").rules[0]
    assert data.select(rule.keep).to_series().to_list() == [False, True, False]
    assert (rule.signal, rule.threshold) == ("word_count", "word_count > 30 OR language IN ('xx')")
    lenient = where("word_count IS NULL OR word_count > 30").rules[0]
    assert data.select(lenient.keep).to_series().to_list() == [False, True, True]


def test_where_names_its_columns() -> None:
    assert columns_of("a < 0.1 AND lower(b) LIKE '%over (%' AND \"c d\" BETWEEN 1 AND 2") == {"a", "b", "c d"}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("word_count >", "unable to parse"),
        ("SELECT word_count", "SELECT"),
        ("1 = 1", "names no column"),
        ("AVG(word_count) > 3", "several documents"),
        ("word_count > 3 AND RANK() OVER (ORDER BY word_count) < 5", "several documents"),
        ("word_count IN (SELECT 1)", "several documents"),
    ],
)
def test_expressions_that_cannot_decide_a_document_are_refused(expression: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        where(expression)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("word_cout > 3", 'no column "word_cout"; did you mean "word_count"'),
        ("text > 3", "compare string with numeric"),
        ("word_count + 1", "must be true or false"),
    ],
)
def test_expressions_are_checked_against_the_columns_before_the_run(expression: str, message: str) -> None:
    schema = {"word_count": pl.Int64, "text": pl.String}
    check_where("word_count > 3 AND length(text) < 9", schema)
    with pytest.raises(UsageError, match=message):
        check_where(expression, schema)


PACKAGE = """
import importlib
from pathlib import Path

from . import more
from .sub.deep import DEEP
from .words import BAD

HERE = Path(__file__).parent
LISTED = (HERE / "lists" / "bad.txt").read_text().split()


def clean(document):
    return not any(word in document.text for word in [*BAD, *DEEP, *LISTED, *more.MORE])


def lazily(document):
    import late

    return late.BAD not in document.text


def by_name(document, words="given.txt"):
    with open(HERE / "log.txt", "a") as log:
        print(document.id, file=log)
    return importlib.import_module("named").BAD not in document.text
"""


MADE = """
from functools import partial

import curate

from .inner import without

keeps = curate.filter(partial(without, word="rude"))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "pkg/__init__.py": "",
        "pkg/filters.py": PACKAGE,
        "pkg/words.py": 'BAD = ["rude"]',
        "pkg/more.py": 'MORE = ["loud"]',
        "pkg/sub/__init__.py": "",
        "pkg/sub/deep.py": 'DEEP = ["vain"]',
        "pkg/lists/bad.txt": "mean base",
        "pkg/log.txt": "",
        "whole/__init__.py": MADE,
        "whole/inner.py": "def without(document, word):\n    return word not in document.text\n",
        "late.py": 'BAD = "late"',
        "named.py": 'BAD = "named"',
        "given.txt": "words",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("use", "dropped", "files"),
    [
        ("pkg.filters:clean", "mean", {"__init__", "words", "more", "sub/__init__", "sub/deep", "lists/bad.txt"}),
        ("pkg/filters.py:clean", "vain", {"words", "more", "sub/deep", "lists/bad.txt"}),
        ("whole:keeps", "rude", {"whole/inner"}),
        ("pkg.filters:lazily", "late", {"late"}),
        ("pkg.filters:by_name", "named", {"named"}),
    ],
)
def test_a_module_of_a_package_sees_its_neighbors_whenever_it_imports_them(
    package: Path, use: str, dropped: str, files: set[str]
) -> None:
    before = set(sys.modules)
    step = resolve_custom(use, {}, base=package)
    for _ in range(2):
        assert keeps(step, batch("a fine day", f"a {dropped} day")) == [True, False]
    named = {file.name.removeprefix("pkg/").removesuffix(".py") for file in step.files}
    assert files <= named
    assert "log.txt" not in named
    assert not {name for name in set(sys.modules) - before if "curate_custom_" not in name}


def test_a_file_that_a_parameter_names_is_one_that_decides(package: Path) -> None:
    step = resolve_custom("pkg.filters:by_name", {"words": "late.py"}, base=package)
    assert "late.py" in {file.name for file in step.files}
    assert "given.txt" in {file.name for file in resolve_custom("pkg.filters:by_name", {}, base=package).files}


def test_an_edited_neighbor_is_used_though_the_script_imported_it_before(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.import_module("late")
    (package / "late.py").write_text('BAD = "later"')
    step = resolve_custom("pkg.filters:lazily", {}, base=package)
    assert keeps(step, batch("late", "later")) == [True, False]
    assert sys.modules.pop("late").BAD == "late"


def test_a_script_beside_the_recipe_imports_from_its_own_folder(tmp_path: Path) -> None:
    scripts, recipes = tmp_path / "scripts", tmp_path / "recipes"
    scripts.mkdir()
    recipes.mkdir()
    (scripts / "job.py").write_text("import near\n\ndef keeps(document):\n    return near.BAD not in document.text\n")
    (scripts / "near.py").write_text('BAD = "rude"')
    step = resolve_custom("../scripts/job.py:keeps", {}, base=recipes)
    assert keeps(step, batch("polite", "rude")) == [True, False]
    assert [file.name for file in step.files] == ["../scripts/job.py:keeps", "near.py"]


def test_a_module_found_elsewhere_is_known_with_its_neighbors(
    package: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    step = resolve_custom("whole:keeps", {}, base=tmp_path_factory.mktemp("recipes"))
    assert [file.name for file in step.files] == ["whole:keeps", "whole/inner.py"]
    for name in ("whole", "whole.inner"):
        del sys.modules[name]
