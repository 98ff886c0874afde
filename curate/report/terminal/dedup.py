"""What deduplication came to, in lines for a terminal: `curate dedup`, `curate show`, `curate show --pairs`.

DedupAccount, PassagesCut, Loss ─▶ lines
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from curate.dedup.methods import explanations
from curate.recipe_dedup import Dedup
from curate.report.losses import Loss
from curate.report.shown import PassagesCut
from curate.report.terminal.columns import size
from curate.standalone.dedup_account import DedupAccount


def account_lines(account: DedupAccount, dedup: Dedup) -> Iterator[str]:
    share = account.stay / max(account.documents, 1)
    yield f"{account.documents:,} documents, {account.stay:,} stay ({share:.1%})"
    if account.known:
        yield f"  {account.known:,} are in an index already, with this id and this text"
    for method, count in account.copies.items():
        yield f"  {method:<8}{count:>12,} copies"
    for method, cuts in account.cuts.items():
        yield f"  {method:<8}{cuts.parts:>12,} parts cut, {cuts.bytes:,} bytes"
    if account.cut_away:
        yield f"  {account.cut_away:,} documents have too few words left after that, and do not stay"
    if account.copies_of_earlier:
        yield f"  {account.copies_of_earlier:,} of them repeat a document of an index"
    if account.clusters:
        yield f"  {account.clusters:,} documents have copies; the largest cluster has {account.largest_cluster:,}"
    yield from explanations(dedup)


def cut_lines(cuts: Sequence[PassagesCut]) -> Iterator[str]:
    """What the methods that cut texts took in a run."""
    for cut in cuts:
        where = f"in {cut.documents:,} documents"
        yield f"Dedup, {cut.method}: {cut.parts:,} parts of texts cut {where}, {size(cut.bytes)}"


def loss_lines(losses: Sequence[Loss]) -> Iterator[str]:
    if not losses:
        yield "No near-duplicate had a word that the copy that stays doesn't have."
    for loss in losses:
        shares = [f"{loss.containment:.0%} contained"] if loss.containment is not None else []
        shares += [f"similarity {loss.similarity:.2f}"] if loss.similarity is not None else []
        yield f"{loss.novel_words:,} novel words, {', '.join(shares)}"
        yield f"  removed {loss.id}"
        yield f"  kept    {loss.duplicate_of}"
        if loss.excerpt:
            yield f"  lost    {loss.excerpt}"
