"""`keep = "cleanest"` of many documents in parts: how clean those are that may meet others, by the lines of all.

dedup-rows ─▶ dedup-firsts: who would stay by length ─▶ dedup-lines: hashes of the lines of all documents, by range
              by group                                  by split │
     dedup-groups: the cleanest stays ◀─ dedup-clean: bytes ◀─ dedup-menus: the lines that three documents have which
     by group                            of own lines,         would stay
                                         by split              by range
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from curate.dedup.cleanest import MANY, Lines, add_own, lines_once
from curate.dedup.groups import stays_in_group
from curate.dedup.methods import of_documents
from curate.dedup.often import Answers, hashes_by_range, often_in_range
from curate.engine.job import Job, Made
from curate.engine.records import committed
from curate.pipeline.parts import CLEAN, FIRSTS, KEYS, LINES, MENUS, groups_decided, key_of, ranges_decided
from curate.pipeline.shuffle import (
    answers_to,
    bits_of_groups,
    dedup_of,
    group_slices,
    rows_and_groups,
    sliced,
    slices_of,
    text_batches,
)
from curate.run_files import part_name


def firsts_of(job: Job) -> Made:
    """The task of a group: which of its documents would stay by length."""
    with job.clock("clusters"):
        ours, earlier = group_slices(job)
        dedup, scratch = of_documents(dedup_of(job)), job.store.scratch
        stays = stays_in_group(ours, dedup, earlier=earlier, scratch=scratch, cores=job.cores)
    return sliced(job, part_name(FIRSTS, job.key), stays, {})


def lines_of(job: Job) -> Made:
    """The task of a split: the lines of all its documents, once a document; those of documents that stay count."""
    rows, stays = bits_of_groups(job, job.key, FIRSTS, lambda number: part_name(FIRSTS, key_of(number)))
    counts = np.ones(_documents(job), dtype=bool)
    counts[rows] = stays
    with job.clock("windows"):
        found = [(counts[document], hashes) for document, hashes, _ in _lines(job)]
        hashes = np.concatenate([np.empty(0, np.uint64), *(hashes for _, hashes in found)])
        count = np.concatenate([np.empty(0, bool), *(count for count, _ in found)])
        slices = hashes_by_range(hashes, count, ranges_decided(job.store))
    return sliced(job, part_name(LINES, job.key), slices, {})


def menus_of(job: Job) -> Made:
    """The task of a range: which of its lines many documents have that would stay."""
    with job.clock("windows"):
        bits = often_in_range(slices_of(job, LINES, partial(part_name, LINES)), MANY)
    return sliced(job, part_name(MENUS, job.key), bits, {})


def clean_of(job: Job) -> Made:
    """The task of a split: of each of its documents in a group the bytes of its own lines, group by group (float64)."""
    with job.clock("windows"):
        is_menu = Answers.opened(answers_to(job, job.key, MENUS, map(key_of, range(ranges_decided(job.store)))))
        clean = np.zeros(_documents(job))
        for document, hashes, sizes in _lines(job):
            add_own(clean, document, sizes, is_repeated=is_menu.of(hashes))
    rows, group = rows_and_groups(job, job.key)
    slices = [clean[rows[group == number]].tobytes() for number in range(groups_decided(job.store))]
    return sliced(job, part_name(CLEAN, job.key), slices, {})


def _lines(job: Job) -> Iterator[Lines]:
    """Documents are rows of the split."""
    normalize = dedup_of(job).normalize
    for rows, texts in text_batches(job, job.key, np.arange(_documents(job))):
        document, hashes, sizes = lines_once(texts, normalize)
        yield rows[document], hashes, sizes


def _documents(job: Job) -> int:
    return int(committed(job.store, KEYS, job.key).counts["documents"])
