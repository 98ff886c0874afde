"""The judge: what is content on small pages, in several languages, page by page, and a model trained twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from curate.errors import UsageError
from curate.extract.judge.feature_names import FEATURES
from curate.extract.judge.features import features_of
from curate.extract.judge.judge import judge_pages, type_names
from curate.extract.judge.model import SHIPPED, load_judge, model_bytes, read_model
from curate.extract.judge.second_pass import second_features
from curate.extract.scan.columns import BEGIN, END
from curate.extract.scan.pages import ScannedPages, as_pages, scan_pages
from curate.standalone.extractor import train_extractor

ENGLISH = (
    "The harbor of the old town was built four hundred years ago, when ships from the north brought salt and timber.",
    "Today only a few boats are left; most of the fishermen have found other work, and their sons have moved away.",
    "In summer, however, thousands of visitors walk along the quay, and the cafés put their tables out until midnight.",
)
GERMAN = (
    "Der Hafen der alten Stadt wurde vor vierhundert Jahren gebaut, als Schiffe aus dem Norden Salz und Holz brachten.",
    "Heute sind nur wenige Boote übrig; die meisten Fischer haben andere Arbeit gefunden, und ihre Söhne sind fort.",
    "Im Sommer aber gehen Tausende von Besuchern am Kai entlang, und die Cafés stellen bis Mitternacht Tische hinaus.",
)
JAPANESE = (
    "旧市街の港は四百年前、北から来た船が塩と木材を運んできたころに築かれた。当時は毎日のように市が立っていた。",
    "今日では船はわずかしか残っておらず、漁師の多くは別の仕事を見つけ、息子たちは町を離れて行った。",
    "しかし夏になると何千人もの観光客が岸壁を歩き、喫茶店は真夜中まで外に卓を並べて客を迎える。",
)
MENUS = {
    ENGLISH: ("Home", "Contact", "Privacy"),
    GERMAN: ("Start", "Kontakt", "Datenschutz"),
    JAPANESE: ("表紙", "連絡", "個人情報"),
}


def article(texts: tuple[str, ...]) -> str:
    links = "".join(f'<li class="menu-item"><a href="/{n}">{word}</a></li>' for n, word in enumerate(MENUS[texts]))
    body = "".join(f"<p>{text}</p>" for text in texts * 2)
    return (
        f'<html><head><title>{texts[0][:20]}</title></head><body><header class="site-header"><nav><ul>{links}</ul>'
        f'</nav></header><main><article class="post"><h1>{texts[0][:20]}</h1>'
        f'<div class="entry-content">{body}</div></article>'
        f'</main><footer class="site-footer"><ul>{links}</ul><p>© 2026</p></footer></body></html>'
    )


SHELL = '<html><head><title>Shop</title></head><body><div id="root"></div><noscript>Scripts!</noscript></body></html>'


def kept_and_left(page: str, *, title: bool = True) -> tuple[list[str], list[str]]:
    scanned = scan_pages(as_pages(page))
    keep = judge_pages(scanned, title=title).keep
    texts = [scanned.text[row[BEGIN] : row[END]].tobytes().decode() for row in scanned.blocks]
    kept = [text for text, is_kept in zip(texts, keep, strict=True) if is_kept]
    return kept, [text for text, is_kept in zip(texts, keep, strict=True) if not is_kept]


@pytest.mark.parametrize("texts", [ENGLISH, GERMAN, JAPANESE], ids=["en", "de", "ja"])
def test_paragraphs_are_kept_and_menus_left_out_in_any_script(texts: tuple[str, ...]) -> None:
    kept, left = kept_and_left(article(texts))
    assert [text for text in kept if len(text) > 30] == list(texts * 2)
    assert {*MENUS[texts], "© 2026"} <= {*left}


def test_the_title_is_content_or_not_as_was_asked() -> None:
    heading = ENGLISH[0][:20].strip()
    assert heading not in kept_and_left(article(ENGLISH), title=False)[0]
    assert list(ENGLISH * 2) == kept_and_left(article(ENGLISH), title=False)[0]


def test_a_page_is_judged_as_if_it_were_alone() -> None:
    pages = [article(ENGLISH), SHELL, "", article(JAPANESE), "<p>" + "<div>" * 300 + "deep"]
    together = judge_pages(scan_pages(as_pages(*pages)))
    alone = [judge_pages(scan_pages(as_pages(page))) for page in pages]
    for number, name in enumerate(together._fields):
        assert together[number].tolist() == [value for judged in alone for value in judged[number].tolist()], name


def test_features_of_a_batch_are_those_of_its_pages() -> None:
    pages = [article(ENGLISH), "", article(GERMAN), SHELL]
    words = load_judge().words
    batch = scan_pages(as_pages(*pages))
    rows = features_of(batch, words).rows
    single = [features_of(scan_pages(as_pages(page)), words).rows for page in pages]
    np.testing.assert_array_equal(rows, np.concatenate(single))
    assert rows.shape == (len(batch.blocks), len(FEATURES))


def test_some_features_are_what_their_names_say() -> None:
    scanned = scan_pages(as_pages(article(ENGLISH)))
    table = dict(zip(FEATURES, features_of(scanned, load_judge().words).rows.T, strict=True))
    texts = [scanned.text[row[BEGIN] : row[END]].tobytes().decode() for row in scanned.blocks]
    first, heading = texts.index(ENGLISH[0]), texts.index(ENGLISH[0][:20].strip())
    assert table["units"][first] == len(ENGLISH[0].replace(" ", ""))
    assert table["link"][:3].tolist() == [1000, 1000, 1000]
    assert table["in_footer"].tolist() == [0] * (len(texts) - 4) + [1] * 4
    assert (table["level"][heading], table["after_h1"][first], table["of_title"][heading]) == (1, 1, 1000)
    assert (table["repeats"][first], table["repeat"][first], table["repeat"][first + 3]) == (2, 0, 1)
    assert table["is_ended"][first] == 1


def test_the_second_pass_of_a_batch_is_that_of_its_pages() -> None:
    scanned = [scan_pages(as_pages(*pages)) for pages in ([article(ENGLISH)], [article(JAPANESE)])]
    both = scan_pages(as_pages(article(ENGLISH), article(JAPANESE)))
    scores = [np.linspace(0, 1000, len(part.blocks)).astype(np.int16) for part in scanned]
    single = [seconds(part, score) for part, score in zip(scanned, scores, strict=True)]
    np.testing.assert_array_equal(seconds(both, np.concatenate(scores)), np.concatenate(single))


def seconds(scanned: ScannedPages, scores: np.ndarray) -> np.ndarray:
    return second_features(scores, features_of(scanned, load_judge().words), np.ascontiguousarray(scanned.starts[:, 2]))


def test_a_shell_without_text_has_no_content_and_no_confidence_is_needed() -> None:
    judged = judge_pages(scan_pages(as_pages("")))
    assert (judged.keep.tolist(), judged.boilerplate.tolist()) == ([], [0])
    assert 0 <= judged.confidence[0] <= 1000


def test_an_article_is_an_article_and_confidence_is_a_share() -> None:
    judged = judge_pages(scan_pages(as_pages(article(ENGLISH))))
    assert type_names(judged) == ["article"]
    assert 500 < judged.confidence[0] <= 1000
    assert 0 < judged.boilerplate[0] < 500


def test_the_file_gives_the_model_back_and_a_flipped_bit_is_told() -> None:
    data = SHIPPED.read_bytes()
    assert len(data) < 2_000_000
    assert model_bytes(read_model(data, "shipped")) == data
    with pytest.raises(UsageError, match="damaged"):
        read_model(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], "x.bin")
    with pytest.raises(UsageError, match="no model"):
        read_model(b"fastText", "x.bin")


def gold_rows(sites: int) -> list[dict[str, str | bool]]:
    languages = (ENGLISH, GERMAN, JAPANESE)
    return [
        {
            "html": article(languages[(site + page) % 3]).replace("entry-content", f"text-{'abc'[site % 3]}"),
            "text": "\n".join(languages[(site + page) % 3] * 2),
            "url": f"https://site{site}.org/{page}",
            "type": "article" if page else "listing",
            "body_only": True,
        }
        for site in range(sites)
        for page in range(3)
    ]


def test_training_twice_gives_the_same_bytes_and_a_model_that_judges(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="needs the extra `extractor`")
    gold = tmp_path / "own.jsonl"
    gold.write_text("".join(json.dumps(row) + "\n" for row in gold_rows(12)))
    first, second = (train_extractor([gold], out=tmp_path / name) for name in ("one.bin", "two.bin"))
    assert first.model.read_bytes() == second.model.read_bytes()
    assert first.card["pages"] == {"own.jsonl": 36}
    assert first.card["sites"] == 12
    scanned = scan_pages(as_pages(article(ENGLISH)))
    keep = judge_pages(scanned, title=False, model=load_judge(first.model)).keep
    assert keep[4:10].all()  # paragraphs; the heading before them begins as they do, so it is part of the reference
    assert not keep[:3].any()
    with pytest.raises(UsageError, match="--force"):
        train_extractor([gold], out=tmp_path / "one.bin")


def test_too_few_sites_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="needs the extra `extractor`")
    gold = tmp_path / "own.jsonl"
    gold.write_text("".join(json.dumps(row) + "\n" for row in gold_rows(2)))
    with pytest.raises(UsageError, match="too few"):
        train_extractor([gold], out=tmp_path / "x.bin")
    with pytest.raises(UsageError, match="no gold"):
        train_extractor([tmp_path / "missing"], out=tmp_path / "x.bin")
