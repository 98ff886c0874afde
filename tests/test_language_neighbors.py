"""Close languages told apart by their words: the table's file, the kernel against plain Python, and what stays."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.filters import language_neighbors
from curate.filters.language import language, load_lid
from curate.filters.language_measure import language_names
from curate.filters.language_neighbors import NEIGHBORS, shipped_neighbors, tell_apart
from curate.filters.language_scripts import count_letters, main_scripts
from curate.filters.model_bytes import BadModel
from curate.filters.neighbor_words import keys_of, sum_weights, windows_of, word_feature
from curate.filters.neighbors_file import NeighborGroup, Neighbors, neighbors_bytes, read_neighbors
from curate.text.buffers import text_buffers

TEXTS = (
    "Prije tisuću godina ovdje je bilo sveučilište, a netko je tijekom tjedna čitao o povijesti Europe.",
    "Pre hiljadu godina ovde je bio univerzitet, a neko je tokom sedmice uvek čitao o istoriji Evrope.",
    "Vi må ikkje gløyme kva dei sa då, for det var noko som kom frå eit anna land.",
    "Vi må ikke glemme hva de sa da, for det var noe som kom fra et annet land.",
    "Mobil itu rusak karena tabrakan, bahwa polisi datang pada bulan Agustus.",
    "All human beings are born free and equal in dignity and rights.",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "人人生而自由，在尊严和权利上一律平等。",
    "Каждый человек имеет право на жизнь, а всяко дете има право да ходи на училище.",
    "x" * 50 + " 2 026 ÅRSMØTE l'aigua clara",
    "",
)


def small_group(features: Sequence[str]) -> NeighborGroup:
    keys = np.unique(keys_of(features))
    weights = -(np.arange(2 * len(keys)) % 7).reshape(-1, 2).astype(np.int8)
    return NeighborGroup(("hr", "sr"), "Latn", 0.5, (0.0, 1.5), keys, weights)


def test_a_word_has_a_window_for_each_of_its_letters_and_one_behind_it() -> None:
    assert windows_of("tko") == [" t", " tk", " tko", " tko "]
    assert windows_of("vreme") == [" v", " vr", " vre", " vrem", "vreme", "reme "]


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters=" \1"), max_size=8), max_size=20))
def test_a_file_gives_the_groups_that_it_was_made_of(words: list[str]) -> None:
    made = Neighbors((small_group([word_feature(word) for word in words]), small_group(words)), 1 / 16, {"of": words})
    read = read_neighbors(neighbors_bytes(made))
    assert (read.step, read.facts) == (made.step, made.facts)
    for one, other in zip(read.groups, made.groups, strict=True):
        assert (one.languages, one.script, one.trust, one.priors) == (
            other.languages,
            other.script,
            other.trust,
            other.priors,
        )
        assert np.array_equal(one.keys, other.keys)
        assert np.array_equal(one.weights, other.weights)


def test_a_file_that_is_cut_or_changed_is_refused_before_any_kernel_sees_it() -> None:
    whole = neighbors_bytes(Neighbors((small_group(["vreme", "vrijeme"]),), 1 / 16, {}))
    changed = whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:]
    for data in (whole[:-1], whole[:40], changed, b"curate linear 1\n" + whole, b""):
        with pytest.raises(BadModel):
            read_neighbors(data)


def test_a_table_that_no_kernel_can_bear_is_refused_though_its_digest_is_right() -> None:
    group = small_group(["vreme", "vrijeme", "tko"])
    backward = NeighborGroup(group.languages, group.script, 1.0, (0.0, 0.0), group.keys[::-1].copy(), group.weights)
    lacking = NeighborGroup(group.languages, group.script, 1.0, (0.0,), group.keys, group.weights)
    endless = NeighborGroup(group.languages, group.script, float("inf"), (0.0, 0.0), group.keys, group.weights)
    for bad in (backward, lacking, endless):
        with pytest.raises(BadModel):
            read_neighbors(neighbors_bytes(Neighbors((bad,), 1 / 16, {})))


def test_another_file_in_the_place_of_the_shipped_one_is_refused(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(tmp_path, type(NEIGHBORS))
    other = tmp_path / NEIGHBORS.name
    other.write_bytes(neighbors_bytes(Neighbors((), 1 / 16, {})))
    monkeypatch.setattr(language_neighbors, "NEIGHBORS", other)
    with pytest.raises(UsageError, match="it should be"):
        shipped_neighbors.__wrapped__()


def words_in_python(text: str) -> list[str]:
    """Letters and digits in a row, case folded; each character of a script without spaces is a word."""
    return re.findall(r"[\u3040-\u30ff\u4e00-\u9fff]|[^\W\u3040-\u30ff\u4e00-\u9fff]+", text.casefold())


def sums_in_python(text: str, group: NeighborGroup) -> list[int]:
    rows = dict(zip(group.keys.tolist(), group.weights.tolist(), strict=True))
    sums = np.zeros(len(group.languages), dtype=np.int64)
    for word in words_in_python(text):
        if len(word) <= 40:
            whole, *windows = keys_of([word_feature(word), *windows_of(word)]).tolist()
            for key in [whole] if whole in rows else windows:
                sums += rows.get(key, [0] * len(sums))
    return list(map(int, sums))


def test_the_kernel_sums_what_plain_python_does_and_each_text_by_itself() -> None:
    series = pl.Series(TEXTS)
    for group in shipped_neighbors()[0].groups:
        together = sum_weights(text_buffers(series), np.arange(len(TEXTS)), group).tolist()
        assert together == [sums_in_python(text, group) for text in TEXTS]
        picked = sum_weights(text_buffers(series), np.array([7, 2]), group).tolist()
        assert picked == [together[7], together[2]]


def test_what_is_said_of_other_languages_stays_and_a_text_is_judged_by_itself() -> None:
    texts, lid, neighbors = pl.Series(TEXTS), load_lid("curate"), shipped_neighbors()[0]
    names, before = language_names(lid), lid.probabilities(pl.Series(TEXTS))

    def told(rows: slice) -> np.ndarray:
        buffers = text_buffers(texts[rows])
        return tell_apart(buffers, before[rows], names, main_scripts(count_letters(buffers)), neighbors)

    after = told(slice(None))
    groups = [[names.index(name) for name in group.languages] for group in neighbors.groups]
    others = [at for at in range(len(names)) if not any(at in group for group in groups)]
    assert np.array_equal(after[:, others], before[:, others])
    scripts = main_scripts(count_letters(text_buffers(texts)))
    for columns, group in zip(groups, neighbors.groups, strict=True):
        rows = np.flatnonzero((scripts == group.script).fill_null(False).to_numpy())
        assert len(rows)
        assert np.allclose(after[rows][:, columns].sum(axis=1), before[rows][:, columns].sum(axis=1))
    assert np.array_equal(np.concatenate([told(slice(at, at + 1)) for at in range(len(TEXTS))]), after)
    english = TEXTS.index("All human beings are born free and equal in dignity and rights.")
    assert np.array_equal(after[english], before[english])


def test_the_manifest_names_the_table_beside_the_model() -> None:
    assert [file.name for file in language(model="curate").files] == ["curate.ftz", "neighbors.bin"]
    assert [file.name for file in language().files] == ["lid.176.ftz"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vi må ikkje gløyme kva dei sa då, for det var noko som kom frå eit anna land.", "nn"),
        ("Vi må ikke glemme hva de sa da, for det var noe som kom fra et annet land.", "no"),
        ("Vi må ikke glemme, hvad de sagde dengang, for det var noget, der kom fra et andet land.", "da"),
        ("Nie je to ľahké, ale keď sa na to pozrieme, zistíme, že sú dôležité obidve veci.", "sk"),
        ("Není to lehké, ale když se na to podíváme, zjistíme, že jsou důležité obě věci.", "cs"),
        ("Ministar je rekao da će sutra posetiti decu u Beogradu.", "sr"),
        ("Ministar je rekao da će sutra posjetiti djecu u Zagrebu, gdje je tijekom tjedna bilo lijepo vrijeme.", "hr"),
        ("Niko nije znao koliko će hiljada ljudi doći u Sarajevo, gdje je općina organizovala koncert.", "bs"),
        ("Setiap orang berhak atas pendidikan dan pekerjaan yang layak.", "id"),
        ("Каждый человек имеет право на жизнь, на свободу и на личную неприкосновенность.", "ru"),
        ("Всеки има право на живот, свобода и лична сигурност.", "bg"),
        ("Секој има право на живот, слобода и лична безбедност.", "mk"),
        ("人人生而自由，在尊严和权利上一律平等。", "zh"),
        ("第３回国連総会採択 世界人権宣言", "ja"),
    ],
)
def test_close_languages_are_told_apart(text: str, expected: str) -> None:
    measure = language(model="curate").measure
    assert measure is not None
    assert measure(pl.DataFrame({"text": [text]}))["language"].to_list() == [expected]
