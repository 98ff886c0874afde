"""The table of entities, and a user's own: a function from a text to spans is found, counted, and in the plan."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import curate
from curate.errors import DocumentError, RecipeError, RunConflict, UsageError
from curate.report.plan import plan
from curate.report.verify import differences
from curate.scrub.entities import ENTITIES, find_entities
from curate.scrub.entity import Entity
from curate.scrub.pii import scrub_texts
from curate.scrub.spans import in_characters

DOCS = Path(__file__).parent.parent / "docs" / "scrub.md"

MODULE = '''
import re
from curate.scrub.entity import Entity


def staff_number(text):
    """Numbers of employees."""
    from staff import PATTERN  # what lies beside it can be imported where it runs

    if "unreadable" in text:
        raise ValueError("that is not for me")
    return [found.span() for found in re.finditer(PATTERN, text)]


PLATE = Entity(name="PLATE", about="number plates", find=lambda text: [(0, 2)], can_hold="^AB", replacement="[car]")
'''

RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.parquet"]
[scrub]
entities = {entities}
[tokenize]
tokenizer = {{ train = {{ vocab_size = 300 }} }}
validation = 0
"""


def recipe(folder: Path, entities: str, texts: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    pl.DataFrame({"text": texts}).write_parquet(folder / "rows.parquet")
    (folder / "own.py").write_text(MODULE)
    (folder / "staff.py").write_text('PATTERN = r"SN-[0-9]+"\n')
    path = folder / "toy.toml"
    path.write_text(RECIPE.format(entities=entities))
    return path


def test_the_docs_tell_of_each_entity_of_the_table() -> None:
    told = DOCS.read_text(encoding="utf-8")
    for name, entity in ENTITIES.items():
        assert entity.name == name
        assert f"| `{name}` | {entity.engine} | {entity.about} |" in told


def test_own_entities_are_scrubbed_and_counted_and_decide_a_run(tmp_path: Path) -> None:
    texts = ["Ask SN-17 or SN-18, jane@example.org says.", "AB is the plate of SN-4.", "Nothing to hide here at all."]
    path = recipe(tmp_path / "in", '["EMAIL_ADDRESS", "own:staff_number", "own:PLATE"]', texts)
    assert plan(path).sources[0].estimated.documents == 3
    done = curate.run(path, out=tmp_path / "run", workers=2)
    documents = done.documents("web").sort("id").collect()
    assert documents["text"].to_list() == [
        "Ask <STAFF_NUMBER> or <STAFF_NUMBER>, <EMAIL_ADDRESS> says.",
        "[car] is the plate of <STAFF_NUMBER>.",
        texts[2],
    ]
    assert documents["pii_staff_number"].to_list() == [2, 1, 0]
    assert done.manifest["counts"]["web"]["pii"] == {"pii_email_address": 1, "pii_plate": 1, "pii_staff_number": 3}
    assert {"own:staff_number", "staff.py"} <= {file["name"] for file in done.manifest["models"]}
    assert not list(differences(done))
    (tmp_path / "in" / "staff.py").write_text('PATTERN = r"SN-[0-9]{5}"\n')
    with pytest.raises(RunConflict, match=r"was begun with another staff.py"):
        curate.run(path, out=tmp_path / "run", workers=0)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_text_that_an_own_entity_cannot_finish_is_quarantined_alone(tmp_path: Path, workers: int) -> None:
    texts = ["First text of SN-1.", "An unreadable text of SN-2.", "Third text of SN-3."]
    done = curate.run(recipe(tmp_path / "in", '["own:staff_number"]', texts), out=tmp_path / "run", workers=workers)
    outcomes = done.ledger().sort("id").select("outcome", "step").collect().rows()
    assert outcomes == [("kept", None), ("quarantined", "scrub"), ("kept", None)]
    assert all("SN-" not in text for text in done.documents("web").collect()["text"])


@pytest.mark.parametrize(
    ("entities", "words"),
    [
        ('["EMAIL_ADRESS"]', r'did you mean "EMAIL_ADDRESS".*; your own are named "module:function"'),
        ('["SSN"]', r'does not find "SSN" \(known: EMAIL_ADDRESS, IP_ADDRESS, SECRET\)'),
        ('["own:staf_number"]', r'own has no entity or function "staf_number"; did you mean "staff_number"'),
        ('["elsewhere:function"]', r'there is no module "elsewhere"'),
        ('["own:PLATE", "own:PLATE"]', r"two entities are called PLATE"),
    ],
)
def test_what_scrub_cannot_find_is_refused_with_its_line(tmp_path: Path, entities: str, words: str) -> None:
    path = recipe(tmp_path / "in", entities, ["a text"])
    with pytest.raises(RecipeError, match=words) as refused:
        curate.run(path, out=tmp_path / "run", workers=0)
    assert "toy.toml:7" in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_an_entity_of_an_installed_package_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plates.py").write_text(MODULE)
    (tmp_path / "plates-1.dist-info").mkdir()
    (tmp_path / "plates-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plates\nVersion: 1\n")
    (tmp_path / "plates-1.dist-info" / "entry_points.txt").write_text("[curate.plugins]\nPLATE = plates:PLATE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert scrub_texts(pl.Series(["AB-1", "XY"]), entities=("PLATE",)).rows() == [("[car]-1", 1), ("XY", 0)]
    with pytest.raises(UsageError, match='does not find "PLATES"'):
        find_entities(["PLATES"], "patterns")


@pytest.mark.parametrize("spans", [[(0, 0)], [(3, 99)], [(-2, 4)], [(5,)], [None]])
def test_a_span_that_is_none_lets_no_text_pass(spans: list[object]) -> None:
    entity = Entity(name="X", about="", find=lambda text: spans)  # type: ignore[arg-type, return-value]
    with pytest.raises(DocumentError, match=r"text 1 of 9 characters cannot be scrubbed: X: \w+Error"):
        scrub_texts(pl.Series([None, "some text"]), entities=(entity,))


def test_spans_in_any_order_that_overlap_are_replaced_as_one() -> None:
    entity = Entity(name="X", about="", find=lambda text: iter([(7, 9), (0, 3), (2, 5)]))
    assert scrub_texts(pl.Series(["0123456789"]), entities=(entity,)).rows() == [("<X>56<X>9", 2)]


def test_places_in_bytes_become_places_in_characters() -> None:
    text = "zwölf 日本語 und mehr 🎈 am Ende"
    parts = ["zwölf", "日本", "mehr 🎈", "Ende"]
    data, sought = text.encode(), [part.encode() for part in parts]
    spans = [(data.index(part), data.index(part) + len(part)) for part in sought]
    assert [text[start:end] for start, end in in_characters(data, spans)] == parts


def test_an_address_of_version_4_behind_one_of_version_6_is_found_and_one_within_it_is_no_other() -> None:
    text = "é 2001:4860:4860::8888 91.2.3.4 日本 ::ffff:91.2.3.4 and host 5.6.7.8"
    scrubbed = "é <IP_ADDRESS> <IP_ADDRESS> 日本 <IP_ADDRESS> and host <IP_ADDRESS>"
    assert scrub_texts(pl.Series([text]), entities=("IP_ADDRESS",)).rows() == [(scrubbed, 4)]
