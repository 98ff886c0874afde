"""Documents taken out of a run that is done, as if they had never been kept: tables, tokens, account.

who is to go ─▶ forget.next.parquet (ids, and what stands in their place) ─▶ the manifest goes
  ─▶ by split: tables without them, tokens of what is left ─▶ put in place ─▶ dedup/ ─▶ mix ─▶ shards (─▶ materialize)
  ─▶ done/forgotten/<number>.json, manifest ─▶ forget.next.parquet goes

From the moment that forget.next.parquet stands there the run is not complete, and the same call goes on; every piece of
work may be done twice. What stands in the place of an id is a hash with a salt that is thrown away at the end.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import secrets
from collections.abc import Iterator, Sequence

import polars as pl

from curate.engine.job import Job, Made
from curate.engine.ledger import check_account, count_outcomes, write_table
from curate.engine.machine import machine_errors
from curate.engine.plan import Plan, Split
from curate.engine.plan_file import check_splits
from curate.engine.progress import Show
from curate.engine.records import Done, committed, forget_stage, intact, read_one, write_done
from curate.engine.sealed import opened
from curate.engine.store import Store
from curate.engine.stores import store_at
from curate.engine.supervisor import Supervisor
from curate.engine.task import Task
from curate.engine.whole import file_digest
from curate.errors import CheckFailed, RottenFile, RunConflict, UsageError
from curate.pipeline.encoding import encoder_of
from curate.pipeline.manifest import write_manifest
from curate.pipeline.mend import do_and_mend
from curate.pipeline.retokenized import bring_back, encoded
from curate.pipeline.run import engine_of, silent, timed
from curate.pipeline.stages import stages
from curate.pipeline.tokenize import MAX_BATCH_DOCUMENTS, PARTS, write_part
from curate.pipeline.tokenizer import run_tokenizer
from curate.readers.reader import traits_of
from curate.recipe import Recipe
from curate.run_files import (
    CONTAMINATION,
    CUTS,
    DUPLICATES,
    FORGOTTEN,
    FORMER_MANIFEST,
    INDEX,
    LOSSES,
    MANIFEST,
    MIXTURE,
    NEXT_FORGET,
    NEXT_RECIPE,
    PORTIONS,
    REPORT,
    TOKENS,
    WORK,
    forgotten_table,
)
from curate.run_files import documents as documents_file
from curate.run_files import ledger as ledger_file
from curate.run_folder import RunFolder
from curate.steps.bind import step_names
from curate.steps.deciding_files import check_as_planned, template_files, view_files
from curate.version import __version__

STAGE, ALL = "forget", "all"
REASON = "forgotten"
PREFIX = "forgotten:"
GONE = {"id": pl.String, "stand_in": pl.String, "outcome": pl.String}
AFTER = ("mix", "shards", "materialize")
DEDUP_TABLES = (DUPLICATES, CUTS, LOSSES)
NAMING = ("id", "duplicate_of", "cluster", "held_by")
"""Columns of these tables that hold ids."""


def is_begun(store: Store) -> bool:
    """Whether documents are being forgotten, and that is not done."""
    return store.stamp(NEXT_FORGET) is not None


def begun(store: Store) -> pl.DataFrame:
    """Who is to go: `id`, `stand_in`, and the `outcome` that the run had for it."""
    return pl.read_parquet(store.fetch(NEXT_FORGET))


def forget_documents(
    run: RunFolder, asked: pl.DataFrame | None, *, workers: int | None = None, show: Show | None = None
) -> pl.DataFrame:
    """Take the records `asked` for (id, outcome) out of a run; None goes on with what was begun. What was taken out.

    Raises:
        UsageError: a record of conversations is among them, or the run keeps an index of its documents.
        RunConflict: the run was made by another version, or something else was begun and is not done.
        CheckFailed: a file of the run is damaged; nothing was touched.
        RunLocked: another process works in the folder.
        MachineError, Interrupted: stopped; the same call goes on.
    """
    with machine_errors(run.place):
        store = store_at(run.place)
        recipe = run.recipe
        supervisor = Supervisor(store, engine_of(store, workers, recipe.limits), recipe.limits, show or silent)
        with store.lock():
            _begin(store, recipe, run.plan, asked)
            gone = begun(store)
            _go_on(supervisor, recipe, run.plan, gone)
    run.look_again()
    return gone


def _begin(store: Store, recipe: Recipe, plan: Plan, asked: pl.DataFrame | None) -> None:
    if store.stamp(NEXT_RECIPE) is not None:
        raise RunConflict("a new mixture was begun and is not done: curate mix RUN --apply goes on with it")
    if plan.version != __version__:
        raise RunConflict(f"the run was made by curate {plan.version}, this is {__version__}; use that version")
    check_splits(store)
    check_as_planned(plan, [*view_files(recipe), *template_files(recipe)])
    if is_begun(store):
        if asked is not None and set(asked["id"]) != set(begun(store)["id"]):
            raise RunConflict("other documents are being forgotten: curate forget RUN goes on with these")
        if store.stamp(FORMER_MANIFEST) is None:  # all was done but for the last word
            store.write(FORMER_MANIFEST, store.read(MANIFEST))
        return
    if asked is None:
        raise UsageError("nothing was begun: say which documents, by URL, domain, id or pattern")
    try:
        _check_can(store, recipe, plan, asked)
    except RottenFile as rotten:
        raise CheckFailed(f"{rotten}; nothing was touched") from rotten
    salt = secrets.token_bytes(32)
    stand_ins = [PREFIX + hashlib.blake2b(id.encode(), key=salt, digest_size=16).hexdigest() for id in asked["id"]]
    content = io.BytesIO()
    asked.with_columns(pl.Series("stand_in", stand_ins, pl.String)).select(list(GONE)).write_parquet(content)
    store.write(FORMER_MANIFEST, store.read(MANIFEST))
    store.remove(WORK)  # what was kept in between has their texts, too
    store.write(NEXT_FORGET, content.getvalue())


def _check_can(store: Store, recipe: Recipe, plan: Plan, asked: pl.DataFrame) -> None:
    """Before anything is touched."""
    if recipe.dedup is not None and recipe.dedup.index:
        raise UsageError(
            f"the run keeps an index of its documents ({INDEX}), of which no document can be taken out; what is to be "
            "forgotten goes with a new run of inputs without it"
        )
    for split in _concerned(store, plan, asked):
        for table in (ledger_file, documents_file):
            intact(store, "tokenize", split.key, table(split.source, split.number))
        if traits_of(recipe.source(split.source).read).are_conversations:
            raise UsageError(
                f'"{split.source}" is of conversations, whose tokens cannot be made again from documents/; what is to '
                "be forgotten goes with a new run of inputs without it"
            )
    for stage, name in _tables(store, recipe):
        intact(store, stage, "all", name)


def _concerned(store: Store, plan: Plan, gone: pl.DataFrame) -> Iterator[Split]:
    """The splits in whose ledger a record stands, or a copy of one."""
    ids = gone["id"].implode()
    for split in plan.splits:
        rows = pl.scan_parquet(store.fetch(ledger_file(split.source, split.number)), glob=False)
        found = rows.filter(pl.col("id").is_in(ids) | pl.col("value").is_in(ids)).select(pl.len())
        if found.collect().item():
            yield split


def _tables(store: Store, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Tables beside those of the splits that name documents, with the stages that wrote them."""
    if recipe.dedup is not None:
        yield from (("dedup", name) for name in DEDUP_TABLES if store.stamp(name) is not None)
    if recipe.decontaminate is not None and store.stamp(CONTAMINATION) is not None:
        yield "contamination", CONTAMINATION


def _go_on(supervisor: Supervisor, recipe: Recipe, plan: Plan, gone: pl.DataFrame) -> None:
    store = supervisor.store
    store.remove(MANIFEST)
    store.remove(REPORT)
    store.tidy()
    with timed(supervisor):
        try:
            _take_out(supervisor, recipe, plan, gone)
            bring_back(supervisor, plan, set())
            _unmix(store)
            do_and_mend(supervisor, recipe, plan, [stage for stage in stages(recipe) if stage.name in AFTER])
        except RottenFile as rotten:
            raise CheckFailed(f"{rotten}; a run with another --out makes it anew") from rotten
    store.tidy()
    _log(store, gone)
    forget_stage(store, STAGE)
    models = opened(store.read(FORMER_MANIFEST), FORMER_MANIFEST)["models"]
    write_manifest(store, recipe, plan, [stage.name for stage in stages(recipe)], models=models)
    store.remove(WORK)
    store.remove(FORMER_MANIFEST)
    store.remove(NEXT_FORGET)  # last: while it is there, the same call goes on


def _take_out(supervisor: Supervisor, recipe: Recipe, plan: Plan, gone: pl.DataFrame) -> None:
    """The tables of all splits, first beside the old ones, and once all are there in their places."""
    store = supervisor.store
    made = read_one(store, STAGE, ALL)
    if made is None:
        keys = [split.key for split in _concerned(store, plan, gone)]
        tasks = [Task(STAGE, key, "curate.pipeline.forget:forget_split", plan.split(key).size) for key in keys]
        supervisor.run_stage([task for task in tasks if read_one(store, STAGE, task.key) is None])
        write_done(store, Done(STAGE, ALL, {}, {"splits": keys}))
        made = committed(store, STAGE, ALL)
    for key in made.counts["splits"]:
        _place(store, plan.split(key))
    for stage, name in _tables(store, recipe):
        _rewrite(store, stage, name, gone)


def forget_split(job: Job) -> Made:
    """The task of a split: its tables without the documents, and the tokens of those that stay."""
    store, split, recipe = job.store, job.split, job.recipe
    gone = begun(store)
    with job.clock("load"):
        tokenizer = run_tokenizer(store, recipe)
        encode = encoder_of(recipe.source(split.source), recipe, tokenizer)
    with job.clock("read"):
        ledger = pl.read_parquet(intact(store, "tokenize", job.key, ledger_file(split.source, split.number)))
        documents = pl.read_parquet(intact(store, "tokenize", job.key, documents_file(split.source, split.number)))
        documents = documents.join(gone, on="id", how="anti", maintain_order="left")
    with job.clock("encode"):
        parts = documents.iter_slices(MAX_BATCH_DOCUMENTS) if documents.height else iter(())
        batches = [encoded(part, encode) for part in parts]
    with job.clock("write"):
        outputs, ledger = job.outputs(), _blanked(ledger, gone)
        outputs.table(forgotten_table(split.key, "ledger"), ledger)
        outputs.table(forgotten_table(split.key, "documents"), documents)
        tokens = {part: write_part(outputs, split, part, batches, tokenizer, recipe) for part in PARTS}
        pii = {column: int(documents[column].sum()) for column in documents.columns if column.startswith("pii_")}
        counts = count_outcomes(ledger, step_names(recipe.source(split.source)))
        check_account(counts, split.key)
        encoder = tokenizer.backend.encoder if any(tokens.values()) else None
        return Made(outputs, {"source": split.source, **counts, "tokens": tokens, "pii": pii, "encoder": encoder})


def _blanked(ledger: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Of a record that is forgotten the ledger says that it is, and nothing else. "read", since no other threshold
    could bring it back. Copies of one name its stand-in."""
    is_gone = pl.col("id").is_in(gone["id"].implode())
    told = {"outcome": "dropped", "step": "read", "reason": REASON}
    blank = [pl.when(is_gone).then(pl.lit(told.get(name), dtype)).otherwise(name).alias(name)
             for name, dtype in ledger.schema.items() if name not in ("id", "source")]  # fmt: skip
    return ledger.with_columns(blank).with_columns(_renamed(ledger.columns, ("id", "value"), gone))


def _renamed(columns: Sequence[str], naming: Sequence[str], gone: pl.DataFrame) -> list[pl.Expr]:
    return [pl.col(name).replace(gone["id"], gone["stand_in"]) for name in naming if name in columns]


def _place(store: Store, split: Split) -> None:
    """What a task has left, under the names of the run's tables, and its record as that of `tokenize`."""
    made = committed(store, STAGE, split.key)
    places: dict[str, str | None] = {
        ledger_file(split.source, split.number): forgotten_table(split.key, "ledger"),
        documents_file(split.source, split.number): forgotten_table(split.key, "documents"),
    }
    store.put(store.workspace(f"{STAGE}.{split.key}"), places)
    names = {origin: name for name, origin in places.items()}
    outputs = {names.get(name, name): entry for name, entry in made.outputs.items()}
    write_done(store, Done("tokenize", split.key, outputs, made.counts))


def _rewrite(store: Store, stage: str, name: str, gone: pl.DataFrame) -> None:
    """A table without what is said of the documents, but for who is whose copy, which stand-ins tell."""
    table = pl.read_parquet(store.fetch(name))
    if name != DUPLICATES:
        table = table.filter(pl.col("id").is_in(gone["id"].implode()).not_())
    workspace = store.workspace(f"{STAGE}.{stage}")
    path = workspace / name
    write_table(table.with_columns(_renamed(table.columns, NAMING, gone)), path)
    entry = {"size": path.stat().st_size, "sha256": file_digest(path)}
    store.put(workspace, {name: None})
    done = committed(store, stage, ALL)
    write_done(store, Done(stage, ALL, {**done.outputs, name: entry}, done.counts))


def _unmix(store: Store) -> None:
    """What the mixture had decided goes; all tokens are in work/."""
    store.remove(MIXTURE)
    for stage in AFTER:
        forget_stage(store, stage)
    for name in (TOKENS, PORTIONS):
        store.remove(name)


def _log(store: Store, gone: pl.DataFrame) -> None:
    """That it was done, when, and of how many records: not of which."""
    number = hashlib.blake2b("".join(gone["stand_in"]).encode(), digest_size=8).hexdigest()
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    counts = {"day": day, "records": gone.height, "documents": int((gone["outcome"] == "kept").sum())}
    write_done(store, Done(FORGOTTEN, number, {}, counts))
