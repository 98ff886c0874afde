"""What the command line can, as functions with the same names: they return values, print nothing unless asked to,
and never exit.

recipe ─▶ check · plan · try_step · run ─▶ Run ─▶ show · why · retune · mix · concerns
                                           └─▶ verify · train ─▶ tune ─▶ generate

Each loads what it needs when it is called, so that `curate.Run(folder)` costs no more than to open the folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from curate.engine.object_address import stored_place
from curate.errors import UsageError
from curate.recipe import Train
from curate.run_folder import RunFolder, folder_of

if TYPE_CHECKING:
    from curate.browse.server import BrowseServer
    from curate.engine.progress import Show
    from curate.extract.extraction import JudgedBlock
    from curate.given.recipe import GivenRecipe
    from curate.report.audit import Audit
    from curate.report.card import Carded
    from curate.report.check import Checked
    from curate.report.compare import Comparison
    from curate.report.concerns import Concern
    from curate.report.fertility import Fertilities
    from curate.report.forget import Forgotten
    from curate.report.losses import Loss
    from curate.report.mix import Mixing
    from curate.report.plan import Planned
    from curate.report.retune import Retuning
    from curate.report.samples import Samples
    from curate.report.shown import Shown
    from curate.report.signals import MeasuredSignal
    from curate.report.trial import Tried
    from curate.report.verify import Verified
    from curate.report.why import Story
    from curate.train_min.log import StepReport
    from curate.train_min.train import TrainResult
    from curate.train_min.tune import TuneResult


@dataclass(frozen=True, slots=True, repr=False)
class Run(RunFolder):
    """A run, finished or not, in a folder or at an address ("s3://bucket/runs/mini"), and what can be asked of it.

        run = curate.Run("runs/mini")
        run.documents("web").collect()
        run.retune({"gopher_quality.min_words": 30}).steps

    Raises:
        UsageError: the folder is not a run's; for most questions also: the run is not finished.
    """

    def _repr_html_(self) -> str:
        """What a notebook shows: the funnel, the tokens and the mixture."""
        from curate.report.notebook.run import run_html

        return run_html(self)

    @property
    def concerns(self) -> tuple[Concern, ...]:
        """What looks wrong in a finished run: a budget that was exceeded, a step that took all, no tokens."""
        from curate.report.concerns import concerns

        return concerns(self)

    @property
    def exit_code(self) -> int:
        """What `curate run` ends with: 0, or 3 or 1 for the first of `concerns` that is more than a note."""
        from curate.report.concerns import exit_code

        return exit_code(self.concerns)

    def show(self) -> Shown:
        """The funnel, reason by reason, and the tokens of each source."""
        from curate.report.shown import shown

        return shown(self)

    def report(self, out: str | Path | None = None, *, timing: bool = True) -> Path | str:
        """Write one HTML page that shows all of a finished run, to `out` (default: RUN/report.html), and say where.

        Without `timing` the date and the part about wall and CPU time are left out: the same run gives the same bytes
        then, however many workers made it.

        Raises:
            UsageError: the run is not complete, or its own code or an input's reader is not there any more.
            CheckFailed: a file of the run is damaged.
        """
        from curate.report.html.page import write_report

        return write_report(self, Path(out) if out is not None else None, timing=timing)

    def browse(self, other: RunFolder | str | Path | None = None, *, port: int = 0) -> BrowseServer:
        """A page on this machine to search the documents of a finished run, and compare it with `other`. It is served
        while the result is open as a context (`with run.browse() as page: print(page.url)`), or by its `serve`; it
        reads only, and `page.url` holds its secret. `port` 0 is any that is free.

        Raises:
            UsageError: a run is not complete, or the port cannot be had.
        """
        from curate.browse.browser import Browser
        from curate.browse.server import BrowseServer

        second = other if other is None or isinstance(other, RunFolder) else RunFolder(other)
        return BrowseServer(Browser(self, second), port=port)

    def losses(self) -> tuple[Loss, ...]:
        """The near-duplicates with most words that the copy that stays doesn't have: `curate show --pairs`."""
        from curate.report.losses import losses

        return losses(self)

    def why(self, id_or_url: str) -> tuple[Story, ...]:
        """The story of a document: every rule with its value, what it repeats, where it ended; of a URL, all that came
        from it."""
        from curate.report.why import stories

        return tuple(stories(self, id_or_url))

    def blocks(self, id: str) -> tuple[JudgedBlock, ...]:
        """What `extract = "curate"` took for content on a page, and what for boilerplate, block by block."""
        from curate.report.blocks import page_blocks

        return tuple(page_blocks(self, id))

    def tokens(
        self,
        *,
        position: int | Sequence[int] | None = None,
        step: int | None = None,
        document: str | None = None,
        training: str | None = None,
        row_length: int | None = None,
        batch: int | None = None,
        seed: int | None = None,
        mixed: bool = False,
    ) -> Samples:
        """The documents behind rows of the training sequence, with their text: at a `position` or several, or of a
        `step` of training; or the rows that show a `document`, in every epoch of the plan.

        The sequence is that of a `training` in RUN/train, else of the recipe's preset; `row_length`, `batch` (rows of a
        step) and `seed` may be given instead, and `mixed` is the materialized mixture from front to back.

        Raises:
            UsageError: not one of the three is asked for; there is no such document, training or mixture.
        """
        from curate.report.samples import samples_at, samples_of, sequence_of

        if sum(each is not None for each in (position, step, document)) != 1:
            raise UsageError("ask for a position, for a step or for a document: one of them")
        given = {"row_length": row_length, "seed": seed, "batch_rows": batch}
        sequence = sequence_of(self, training=training, mixed=mixed, **given)
        if document is not None:
            return samples_of(self, document, sequence)
        if step is not None:
            position = range(step * sequence.batch_rows, (step + 1) * sequence.batch_rows)
        return samples_at(self, [position] if isinstance(position, int) else [*(position or ())], sequence)

    def mix(
        self,
        changes: Mapping[str, Any] | None = None,
        *,
        recipe: GivenRecipe | None = None,
        apply: bool = False,
        encode: bool = False,
        workers: int | None = None,
        show: Show | None = None,
    ) -> Mixing:
        """How often the mixture draws each source; with `changes` to [mix], `{"tokens": 10**9}`, or the [mix] of
        another `recipe`, what that would draw of the same tokens.

        With `apply` the run becomes what it would be if it had been run so, byte for byte, and nothing is tokenized
        again: final shards, mixture.json, the materialized sequence, recipe, plan and manifest are made anew. A run
        that was made without `keep_intermediate` has of sources under one epoch only the tokens that were drawn; where
        more of them is taken, `encode` allows to make the others again from its documents. One that was interrupted
        goes on with the same call. `workers` and `show` as in `curate.run`.

        Raises:
            UsageError: the run is not complete, a value cannot be, or tokens are lacking and `encode` is not allowed.
            RunConflict: the run was made by another version, or another new mixture was begun and is not done.
            RunLocked, MachineError, Interrupted: as in `curate.run`.
        """
        from curate.report.mix import mixing

        return mixing(self, changes, recipe=recipe, apply=apply, encode=encode, workers=workers, show=show)

    def fertility(self, others: Sequence[str | Path] = (), *, sample_bytes: int = 1_000_000) -> Fertilities:
        """Bytes of text per token, by source and language, in the run's tokenizer and in others by their files."""
        from curate.report.fertility import fertility

        return fertility(self, others, sample_bytes=sample_bytes)

    def audit(
        self,
        *,
        entities: Sequence[str] | None = None,
        engine: Literal["patterns", "presidio"] | None = None,
        model: str | None = None,
    ) -> Audit:
        """What is left of personal data in the final documents: all that the engine knows, or the entities named."""
        from curate.report.audit import audit

        return audit(self, entities=entities, engine=engine, model=model)

    def card(self, *, out: str | Path, facts: str | Path | None = None) -> Carded:
        """Write the papers of the run to the folder `out`: a data card for the Hugging Face Hub, Croissant, the EU's
        summary of training content and California's documentation, in Markdown and HTML. `facts` is a TOML file of what
        only a person knows (default: `out`/facts.toml, which is written as a template where there is none).

        Raises:
            UsageError: the run is not complete, the folder cannot be written, or the facts are not what is asked for.
        """
        from curate.report.card import write_papers

        return write_papers(self, out=Path(out), facts=Path(facts) if facts is not None else None)

    def forget(
        self,
        *,
        urls: Sequence[str] = (),
        domains: Sequence[str] = (),
        ids: Sequence[str] = (),
        patterns: Sequence[str] = (),
        workers: int | None = None,
        show: Show | None = None,
    ) -> Forgotten:
        """Take records out of the run: all from these URLs, from these domains and those below them, with these ids, or
        whose URL holds a match of a pattern. Tables, tokens and account are as if they had been dropped in reading; the
        ledger says that they were forgotten, under a hash whose salt is thrown away. Without a choice it goes on with
        what an interrupted call began. `workers` and `show` as in `curate.run`.

        Raises:
            UsageError: nothing is meant, or the run has conversations among it, or an index of its documents.
            RunConflict: the run was made by another version, or something else was begun and is not done.
            CheckFailed: a file of the run is damaged.
            RunLocked, MachineError, Interrupted: as in `curate.run`.
        """
        from curate.report.forget import forgotten

        chosen = {"urls": urls, "domains": domains, "ids": ids, "patterns": patterns}
        return forgotten(self, **chosen, workers=workers, show=show)

    def retune(
        self,
        changes: Mapping[str, Any],
        *,
        measure: bool = False,
        sample: int = 5,
        apply: str | Path | None = None,
    ) -> Retuning:
        """What other thresholds would change, `{"gopher_quality.min_words": 30}`, from the ledger alone.

        `measure` reads what is unknown again and asks the steps; `sample` is how many documents of each kind that
        change sides are shown; `apply` is a new file to write the changed recipe to.
        """
        from curate.report.retune import retuning
        from curate.steps.retune import named_change

        asked = [named_change(name, value) for name, value in changes.items()]
        return retuning(self, asked, measure=measure, sample=sample, apply=Path(apply) if apply is not None else None)


def run(
    recipe: GivenRecipe,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    keep_intermediate: bool = True,
    fresh: bool | None = None,
    progress: bool = False,
    show: Show | None = None,
    profile: bool = False,
    rank: int = 0,
    world: int = 1,
    engine: str = "local",
    ray_address: str | None = None,
    insecure_cluster: bool = False,
) -> Run:
    """Do everything of a recipe that is not done yet, and return the run.

    `recipe` is the path of a file, the name of a recipe that ships, a dict (`curate.load` says which) or a `Recipe`.
    `out` is the run's folder, or an address of an object store, "s3://bucket/runs/mini" or "gs://…" (default:
    runs/<name of the recipe>); `workers` the number of processes (default: the
    cores this process may use), which changes nothing in the output; 0 does all in this one, for a debugger or a
    notebook. What earlier runs beside the folder have done already is taken over, to the same bytes, unless `fresh`
    (default: whether the environment has CURATE_FRESH). For that a run keeps what it wrote in between, with texts as
    they were before personal data was replaced; without `keep_intermediate` it does not. With `progress` it is shown
    on the standard error, in a terminal as a bar and elsewhere as a line now and then; or `show` is called with it.
    `profile` writes a flame graph of the CPU time to RUN/profile (in the main thread only). With a `world` of several,
    this is the process number `rank` of as many that do the run together over one folder, on one machine or on many;
    each returns when all is done. With the `engine` "ray" the nodes of a Ray cluster do it, with so many `workers`
    each: of the one at `ray_address`, which must ask for a token unless `insecure_cluster`, or of one of this machine's
    own. `Run.concerns` says what looks wrong in the result.

    Raises:
        RecipeError, UsageError: the recipe cannot run as it is written.
        RunConflict: the folder holds another recipe, input or version.
        RunLocked: another process works in the folder.
        MachineError, Interrupted: stopped; the same call goes on.
    """
    from curate.engine.choice import EngineChoice
    from curate.engine.engines import begun_ahead
    from curate.engine.stores import is_here
    from curate.engine.uncollected import uncollected
    from curate.pipeline.ahead import LOADS
    from curate.run_files import MANIFEST

    if progress and show:
        raise UsageError("progress is shown, or told to `show`: not both")
    # One of several processes may share its machine with others, and find nothing left to do.
    has_work = world == 1 and not (out is not None and is_here(out) and Path(out, MANIFEST).is_file())
    choice = EngineChoice(engine, workers, ray_address, insecure_cluster, loads=LOADS if has_work else "")
    with begun_ahead(choice) as ahead, _shown_progress() if progress else nullcontext(show) as told:
        with uncollected():  # only now: it takes as long as workers, or a cluster, to be there
            from curate.pipeline.run import run as run_recipe

        made = run_recipe(
            recipe,
            out=out,
            workers=workers,
            keep_intermediate=keep_intermediate,
            fresh=fresh,
            show=told,
            profile=profile,
            rank=rank,
            world=world,
            engine=engine,
            ray_address=ray_address,
            insecure_cluster=insecure_cluster,
            ahead=ahead,
        )
    return Run(made.place)


def _shown_progress() -> AbstractContextManager[Show]:
    from curate.report.terminal.progress import progress_on
    from curate.terminal import ERR

    return progress_on(ERR)


def check(recipe: GivenRecipe, *, documents: int = 1000) -> Checked:
    """What in a recipe can never work, and what each rule takes of up to `documents` of each source.

    Raises:
        RecipeError: the recipe cannot run at all.
    """
    from curate.report.check import check as check_recipe

    return check_recipe(recipe, documents=documents)


def plan(recipe: GivenRecipe) -> Planned:
    """Inputs, splits, the tokens to expect and the mixture's epochs, from a part of the inputs; runs nothing.

    Raises:
        RecipeError: the recipe cannot run as it is written.
    """
    from curate.report.plan import plan as plan_recipe

    return plan_recipe(recipe)


def try_step(recipe: GivenRecipe, step: str, *, source: str | None = None, sample: int = 20) -> Tried:
    """What one step of a recipe keeps and drops of a sample, with the values that decided: `curate try`.

    Raises:
        RecipeError: the recipe cannot run.
        UsageError: no source has such a step.
    """
    from curate.report.trial import try_step as try_one

    return try_one(recipe, step, source=source, sample=sample)


def verify(run: RunFolder | str | Path, *, inputs: bool = False) -> Verified:
    """Every checksum of a run and its account, computed again; with `inputs`, those of what it has read, too.

    Raises:
        UsageError: the folder is not a run's, or the run is not complete.
    """
    from curate.report.verify import verified

    return verified(run if isinstance(run, RunFolder) else RunFolder(run), inputs=inputs)


def compare(
    first: RunFolder | str | Path,
    second: RunFolder | str | Path,
    *,
    by: Literal["id", "url"] | None = None,
    examples: int = 3,
) -> Comparison:
    """Which documents two runs left at different sides and why, with up to `examples` of each move; tokens by source
    and language; the medians of signals. Matched `by` id where the runs have read records in common, else by URL.

    Raises:
        UsageError: a folder is not a run's, a run is not complete, or there is nothing to match documents by.
    """
    from curate.report.compare import compared

    runs = [run if isinstance(run, RunFolder) else RunFolder(run) for run in (first, second)]
    return compared(*runs, by=by, examples=examples)


def train(
    run: RunFolder | str | Path,
    *,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    out: str | Path | None = None,
    resume: bool = True,
    fork: str | Path | None = None,
    report: Callable[[StepReport], None] | None = None,
) -> TrainResult:
    """Train a compact GPT on a run's tokens; `preset` is the recipe's unless another is named.

    `run` may also be a folder that holds nothing of a run but its `tokens/`, carried to another machine; there the
    preset is "nano" unless another is named, and torch, numpy and safetensors are all that must be installed.

    `settings` replaces single values of the preset (`{"width": 256}`); `out` is the folder of the training (default:
    RUN/train/PRESET); `resume=False` begins it anew; `fork` is another training to begin with, weights, moments and
    steps; `report` is called every few steps.

    Raises:
        UsageError: PyTorch is not installed; no tokens; an unknown preset, setting or device.
        RunConflict: the folder holds a training of other tokens or settings.
        Interrupted: by a signal, after saving; the same call goes on from there.
    """
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.recipe_file import load
    from curate.run_files import MIXTURE, RECIPE
    from curate.train_min.loader import home_of_tokens
    from curate.train_min.train import train as train_tokens

    place = run.place if isinstance(run, RunFolder) else run
    if out is None and stored_place(place):
        raise UsageError(f"a training needs a folder of this machine, as {place} is none: say which as out (--out DIR)")
    folder = home_of_tokens(folder_of(place))
    if not (folder / MIXTURE).is_file():
        RunFolder(folder)  # says what it is not; a run without tokens is told of below
    wanted = load(folder / RECIPE).train if (folder / RECIPE).is_file() else Train()
    return train_tokens(
        folder,
        preset=preset or wanted.preset,
        out=Path(out) if out is not None else None,
        device=device,
        steps=steps,
        seed=seed,
        settings={"regularize": wanted.regularize, "average": wanted.average, **(settings or {})},
        resume=resume,
        fork=Path(fork) if fork is not None else None,
        report=report,
    )


def tune(
    checkpoint: str | Path,
    data: RunFolder | str | Path,
    *,
    out: str | Path,
    method: Literal["sft", "reward", "dpo"] = "sft",
    template: str | None = None,
    lora_rank: int | None = None,
    lora_alpha: float | None = None,
    lora_matrices: Sequence[str] = ("qkv", "out", "up", "down"),
    epochs: float | None = None,
    steps: int | None = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    settings: Mapping[str, Any] | None = None,
    seed: int = 17,
    device: str = "auto",
    resume: bool = True,
    report: Callable[[StepReport], None] | None = None,
) -> TuneResult:
    """Tune a checkpoint, or the newest in the folder of a training, and write to `out` alone.

    `method` "sft" learns the answers of conversations, `data` being a run that has some, or a file of them; "reward"
    trains a model that judges answers, and "dpo" one that prefers the better ones (Rafailov et al. 2023), both from a
    file with the columns `prompt`, `chosen` and `rejected`. With `lora_rank` low-rank matrices alone are trained and
    saved (`merge_model` puts them into the others); `lora_alpha` is twice the rank by default. `settings` replaces
    single values of the training (`{"learning_rate": 1e-4}`).

    Raises:
        UsageError: PyTorch is not installed; no checkpoint; data of another kind or vocabulary; a value that cannot be.
        RunConflict: the folder holds another tuning.
        Interrupted: by a signal, after saving; the same call goes on from there.
    """
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.lora import Lora
    from curate.train_min.tune import tune as tune_checkpoint

    lora = None
    if lora_rank is not None:
        lora = Lora(lora_rank, 2.0 * lora_rank if lora_alpha is None else lora_alpha, tuple(lora_matrices))
    return tune_checkpoint(
        Path(checkpoint),
        folder_of(data.place if isinstance(data, RunFolder) else data),
        out=Path(out),
        method=method,
        lora=lora,
        template=template,
        epochs=epochs,
        steps=steps,
        beta=beta,
        label_smoothing=label_smoothing,
        settings=settings,
        seed=seed,
        device=device,
        resume=resume,
        report=report,
    )


def generate(
    checkpoint: str | Path,
    prompt: str = "",
    *,
    tokens: int = 200,
    temperature: float = 0.8,
    top_k: int | None = 50,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
    seed: int = 17,
    tell: Callable[[str], None] | None = None,
) -> str:
    """Text from a checkpoint, or from the newest one in the folder of a training; `tell` hears each piece of it as it
    is written.

    Raises:
        UsageError: PyTorch is not installed, there is no checkpoint, or a value makes no sense.
    """
    from curate.train_min.needs import require_torch

    require_torch()
    from curate.train_min.generate import generate as generate_texts
    from curate.train_min.sampling import Sampling

    sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
    [text] = generate_texts(Path(checkpoint), prompt, tokens=tokens, sampling=sampling, seed=seed, tell=tell)
    return text


def signals() -> tuple[MeasuredSignal, ...]:
    """What is measured on every document, for a `where` or a threshold to decide on."""
    from curate.report.signals import measured_signals

    return measured_signals()


def recipes() -> dict[str, Path]:
    """The named recipes that ship, and their files."""
    from curate.recipe_file import shipped_recipes

    return shipped_recipes()
