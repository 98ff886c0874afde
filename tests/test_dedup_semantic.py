"""Documents with embeddings that point nearly the same way, within whole files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.dedup.find import find_duplicates
from curate.dedup.semantic import embeddings
from curate.dedup.sign import sign_documents
from curate.errors import UsageError
from curate.recipe_dedup import Dedup, Semantic
from curate.standalone.dedup import dedup_files

GROUPS, COPIES, DIMENSIONS = 60, 4, 32


def planted(seed: int = 5) -> np.ndarray:
    """Groups of vectors with cosines of about 0.98 within a group, and hardly any likeness between groups."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(GROUPS, DIMENSIONS))
    noise = rng.normal(size=(GROUPS, COPIES, DIMENSIONS)) * 0.1
    return np.asarray((centres[:, None] + noise).reshape(-1, DIMENSIONS), dtype=np.float32)


def table(vectors: np.ndarray) -> pl.DataFrame:
    ids = [f"d{number:04}" for number in range(len(vectors))]
    lists = pl.Series("embedding", vectors.tolist(), dtype=pl.List(pl.Float32))
    return pl.DataFrame({"id": ids, "source": "web", "text": ["a text"] * len(ids)}).with_columns(lists)


def found(vectors: np.ndarray, folder: Path, *, pieces: int = 2, cells: int | None = None) -> pl.DataFrame:
    dedup = Dedup(method=("semantic",), keep="first", semantic=Semantic(cells=cells, min_similarity=0.9))
    signed = sign_documents(table(vectors), dedup)
    paths = [folder / f"{piece}.parquet" for piece in range(pieces)]
    for piece, path in enumerate(paths):
        signed[piece::pieces].write_parquet(path)
    return find_duplicates(paths, dedup, scratch=folder).verdicts


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def test_in_one_cell_everybody_who_goes_is_near_to_one_that_stays_and_those_that_stay_are_not(tmp_path: Path) -> None:
    vectors = planted()
    verdicts = found(vectors, tmp_path, cells=1)
    likeness = cosines(vectors)
    place = {f"d{number:04}": number for number in range(len(vectors))}
    copies = verdicts.filter(pl.col("duplicate_of").is_not_null())
    for id, original, similarity in copies.select("id", "duplicate_of", "similarity").iter_rows():
        assert likeness[place[id], place[original]] == pytest.approx(similarity, abs=1e-5)
        assert similarity >= 0.9
    stay = sorted(set(place.values()) - {place[id] for id in copies["id"]})
    rest = likeness[np.ix_(stay, stay)] - np.eye(len(stay))
    assert rest.max() < 0.9
    assert len(stay) == GROUPS
    assert copies["method"].unique().to_list() == ["semantic"]


def test_cells_lose_few_copies_and_files_do_not_matter(tmp_path: Path) -> None:
    vectors = planted()
    verdicts = found(vectors, tmp_path)
    removed = verdicts["duplicate_of"].count()
    assert removed >= 0.95 * GROUPS * (COPIES - 1)
    assert found(vectors, tmp_path, pieces=5).equals(verdicts)


def test_documents_without_a_direction_repeat_nothing(tmp_path: Path) -> None:
    vectors = planted()[:4]
    vectors[1] = 0
    vectors[2] = np.nan
    assert found(vectors, tmp_path, cells=1)["id"].to_list() == ["d0000", "d0003"]


def test_embeddings_are_lists_arrays_or_json() -> None:
    lists = table(planted()[:3])
    expected = embeddings(lists, "embedding")
    arrays = lists.with_columns(pl.col("embedding").cast(pl.Array(pl.Float64, DIMENSIONS)))
    text = lists.with_columns(pl.Series("embedding", [str(row) for row in lists["embedding"].to_list()]))
    for frame in (arrays, text):
        assert embeddings(frame, "embedding").to_list() == expected.to_list()


def test_mistakes_name_the_column(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='semantic: there is no column "vector"'):
        sign_documents(table(planted()[:2]), Dedup(method=("semantic",), semantic=Semantic(column="vector")))
    uneven = pl.DataFrame({"embedding": [[1.0], [1.0, 2.0]]})
    with pytest.raises(UsageError, match='"embedding" holds embeddings of 1 and of 2 numbers'):
        embeddings(uneven, "embedding")


def test_a_table_without_embeddings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n')
    with pytest.raises(UsageError, match='no row has a column "embedding"'):
        dedup_files([path], Dedup(method=("semantic",)))


def test_a_table_with_embeddings_is_deduplicated_by_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table(planted()[:8]).rename({"embedding": "vector"}).drop("source").write_parquet(path)
    dedup = Dedup(method=("semantic",), keep="first", semantic=Semantic("vector", min_similarity=0.9, cells=1))
    verdicts = dedup_files([path], dedup).verdicts
    assert verdicts["duplicate_of"].to_list() == [None, *["d0000"] * 3, None, *["d0004"] * 3]
