"""The recipe: one TOML file as typed, frozen models.

file ─▶ load (recipe_file) ─▶ Recipe ─▶ resolve (steps.bind: every default of every step) ─▶ digest (recipe_form)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

from curate.errors import RecipeError
from curate.recipe_dedup import Dedup


class SourceLine(NamedTuple):
    """Where something stands that a user wrote."""

    file: str
    line: int


SourceLines = Mapping[tuple[str | int, ...], SourceLine]
"""By path in the TOML, e.g. ("source", 0, "steps", 2)."""


@dataclass(frozen=True, slots=True)
class Step:
    """One filter of a source: a name and its parameters; a `where` expression is the step "where"."""

    use: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    place: SourceLine | None = field(default=None, compare=False, metadata={"toml": False})


FROM_PYTHON = "python:"
"""What a path begins with that stands for rows which no file held, but a variable in Python."""
Kind = Literal["text", "integer", "number", "truth", "json"]
"""Of the values of a table's column."""


@dataclass(frozen=True, slots=True)
class OwnColumn:
    """A column of a source's tables that is the user's own: `name` in a batch, `column` in the tables."""

    name: str
    column: str
    kind: Kind


Extractor = Literal["curate", "resiliparse", "trafilatura"]
"""What makes text of a web page."""
UNION: tuple[Extractor, ...] = ("curate", "trafilatura")
"""What `extract = "union"` stands for: the quick one first, so that the slow one is asked only where that fails."""
Role = Literal["system", "user", "assistant", "tool"]
"""Who speaks in a conversation."""
PageFact = Literal[
    "title",
    "description",
    "author",
    "published",
    "modified",
    "language",
    "canonical",
    "site",
    "keywords",
    "robots",
    "license",
    "tdm_reservation",
    "links",
]
"""What a web page may say of itself."""


COMMON_CRAWL = "cc:"
"""What a path begins with that names a crawl of Common Crawl."""


@dataclass(frozen=True, slots=True)
class Captures:
    """Which records of a crawl are wanted, by its indexes: those of one of the `url` or of the `domain`, in one of the
    `language`. A single value may stand without brackets."""

    url: tuple[str, ...] = ()
    """Patterns of addresses: `"example.org/blog/*"`, `"*.gov/*"`; "*" stands for any characters, a leading "*." for the
    domain and all below it, and without a path all of the host is meant."""
    domain: tuple[str, ...] = ()
    """Domains with all below them: `"example.org"`."""
    language: tuple[str, ...] = ()
    """A page's main language as the index has it, in three letters (ISO 639-3): `"eng"`."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where documents come from, how they are read, and what decides on them."""

    name: str
    """Letters, digits, "-" and "_"; folders of the run and weights of the mixture have this name."""
    read: str
    """What reads the files: one of the readers below; your own function, as "module:function", or with its parameters
    as `{ use = "module:function", … }`; or a plugin by its name."""
    paths: tuple[str, ...]
    """Local, s3://, gs:// or https://; globs; a file of paths, one per line, as "@paths.txt"; "cc:CC-MAIN-2024-10", a
    crawl of Common Crawl (docs/common-crawl.md); relative to the recipe's file. Names and ids begin behind the fixed
    part of a path, or behind "/./" in it."""
    sample: float = field(default=1.0, metadata={"range": (1e-9, 1.0)})
    """With "cc:": the share that is read of the crawl's files, or with `cc` of the records that it chooses. Hashes of
    names and places decide which: the same everywhere, and those of a smaller share are among a larger's."""
    cc: Captures | None = None
    """With "cc:": single records instead of whole files, `{ domain = "example.org", language = "eng" }`."""
    extract: Literal[Extractor, "union"] | tuple[Extractor, ...] = "curate"
    """What makes text of web pages. Of several, in order of preference, the first whose text passes all steps makes it,
    page by page; "union" is `["curate", "trafilatura"]`."""
    min_language_chance: float = field(default=0.0, metadata={"range": (0.0, 1.0)})
    """Extract a page with trafilatura only if its quick text, resiliparse's, has at least this chance of being in a
    language that the step "language" keeps. 0: always. Of several extractors: give a page that "language" drops to the
    next only if its first text has this chance, and at least 0.2 in any case (docs/extraction.md says why)."""
    title: bool = True
    """With `extract = "curate"`: headings, titles and bylines of the content are content, too."""
    format: Literal["text", "markdown"] = "text"
    """With `extract = "curate"`: what a page's text is written as; Markdown has marks of headings, code and tables."""
    facts: tuple[PageFact, ...] = ()
    """With `extract = "curate"`: what a page says of itself, as columns `page_author`, `page_links` and so on of its
    document: text as the page writes it, null where it says nothing; of links the targets and texts."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """For tables and own readers: by the name that a column has here, its name in the files: `{ text = "content" }`."""
    columns_only: bool = False
    """For tables and own readers: no other columns than curate's and those of `columns` are kept."""
    split: Literal["chapters", "words"] | None = None
    """For books and own readers: a document for each chapter, or for each run of paragraphs of `split_words` words;
    else one each."""
    split_words: int = field(default=2000, metadata={"range": (1, 100_000_000)})
    """With `split = "words"` a document has at least so many; a paragraph is never cut."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """For conversations: names that the files give to roles, besides those that are known: `{ Ann = "assistant" }`."""
    tree: Literal["best", "all"] = "best"
    """For conversations that fork: at each fork the reply of the best rank, or a conversation for each last message."""
    reader_parameters: Mapping[str, Any] = field(default_factory=dict, metadata={"toml": False})
    """Of an own reader: what stands beside `use` in `read = { use = "module:function", … }`."""
    signals: Literal["needed", "all"] = "needed"
    """Of which documents text signals are measured: "all", or all but those that a step drops as being in a language
    that it does not keep, before any step looks at signals. Their ledger rows have none then, and to move a threshold
    over them takes `curate retune --measure`. With several extractors it is always all."""
    steps: tuple[Step, ...] = field(default=(), metadata={"toml": False})
    """What decides on documents, in order: a name, `{ use = "name", … }`, or `{ where = "an SQL expression" }`."""
    place: SourceLine | None = field(default=None, compare=False, metadata={"toml": False})
    own: tuple[OwnColumn, ...] | None = field(default=None, compare=False, metadata={"toml": False})
    """What a look at its tables found, as the plan has it; None: nobody has looked."""
    written: str | None = field(default=None, compare=False, metadata={"toml": False})
    """The file of the rows that Python gave as its `data`; its one path is "python:" and its name then."""

    @property
    def extractors(self) -> tuple[Extractor, ...]:
        """Those that `extract` names, in order of preference."""
        if self.extract == "union":
            return UNION
        return (self.extract,) if isinstance(self.extract, str) else self.extract

    @property
    def crawls(self) -> tuple[str, ...]:
        """Its paths that name crawls of Common Crawl."""
        return tuple(dict.fromkeys(path for path in self.paths if path.startswith(COMMON_CRAWL)))

    @property
    def reads_rights(self) -> bool:
        """Whether what responses say of their own use is read: only where a step decides on it."""
        return any(step.use == "rights" for step in self.steps)

    @property
    def fact_columns(self) -> tuple[str, ...]:
        """The columns of what its pages say of themselves."""
        return tuple(f"page_{fact}" for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Overlap:
    """Method "ngrams" of decontamination: n-grams of an item are cut out of a text, and what stands around them."""

    ngram: int = field(default=13, metadata={"range": (2, 100)})
    """Words of an n-gram."""
    window: int = field(default=200, metadata={"range": (0, 100_000)})
    """Characters that are cut on either side."""
    min_piece: int = field(default=200, metadata={"range": (0, 1_000_000)})
    """Characters of a piece that stays."""
    max_pieces: int = field(default=10, metadata={"range": (1, 1_000_000)})
    """A document in more pieces is dropped."""
    max_documents: int = field(default=10, metadata={"range": (1, 1 << 40)})
    """N-grams of more documents are common phrases, and no sign of contamination."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Method "sampled" of decontamination: documents that hold most of an item are dropped."""

    ngram: int = field(default=5, metadata={"range": (2, 100)})
    """Words of an n-gram."""
    sample_every: int = field(default=10, metadata={"range": (1, 1000)})
    """Every so many words of a document an n-gram is looked up."""
    max_misses: int = field(default=11, metadata={"range": (0, 1000)})
    """N-grams in a row that are not the item's, within a place that is."""
    min_score: float = field(default=0.8, metadata={"range": (0.0, 1.0)})
    """How much of an item, by the weight of its n-grams, must be there."""
    perfect_words: int = field(default=20, metadata={"range": (0, 10_000)})
    """An item of no more words must be there as a whole."""
    full_words: int = field(default=50, metadata={"range": (0, 10_000)})
    """From so many words on `min_score` is enough; between the two, in proportion."""
    answer_window: int = field(default=50, metadata={"range": (0, 10_000)})
    """Words around the place among which the item's answer must stand."""


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """Which evaluation items must not be in the training data, and what is done about documents that hold them."""

    against: tuple[str, ...]
    """JSON Lines, Parquet, or text with an item a line; a file is a set."""
    method: Literal["ngrams", "sampled"] = "ngrams"
    """GPT-3's, which cuts n-grams out, or decon's, which drops documents with most of an item."""
    columns: tuple[str, ...] = ()
    """Whose texts are the item (default: all columns with text but ids and, with "sampled", the answer)."""
    answer: str = "answer"
    """The column of the answer, for "sampled", where a set has it."""
    ngrams: Overlap = Overlap()
    sampled: Sampled = Sampled()


ScrubMode = Literal["mask", "pseudonym", "hash", "remove"]
"""What takes the place of personal data."""


@dataclass(frozen=True, slots=True)
class Scrub:
    """Which personal data is replaced, what finds it, and what takes its place."""

    entities: tuple[str, ...] = ("EMAIL_ADDRESS", "IP_ADDRESS")
    """What is replaced: names of entities, or functions of one's own, "module:function"; docs/scrub.md lists all."""
    engine: Literal["patterns", "presidio"] = "patterns"
    """Patterns at the speed of memory, or Microsoft's Presidio, which knows more entities and takes far longer."""
    model: str | None = None
    """With `engine = "presidio"`: a spaCy model that is installed, by its name, or the folder of one, which finds names
    (PERSON, LOCATION, NRP, ORGANIZATION); none is ever downloaded."""
    mode: ScrubMode = "mask"
    """What takes a finding's place: the entity's name; a pseudonym, one for each value of a document; a keyed hash, the
    same in all documents; or nothing."""
    max_findings: int | None = field(default=None, metadata={"range": (0, 1 << 40)})
    """A document with more findings is dropped: "too_many_findings". Dolma's is 5; by default all stay."""


@dataclass(frozen=True, slots=True)
class MixStage:
    """A part of the training sequence with weights of its own, one after the other."""

    name: str
    """How the plan and the notes call it: "main", "anneal"."""
    tokens: int = field(metadata={"range": (1, float("inf"))})
    """How many it has."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """By source, its share of the stage's tokens."""


@dataclass(frozen=True, slots=True)
class MixBy:
    """How the share of a source is shared out among its documents: by the value of a column. Each value is a bucket
    that is seen more or less often, as in Dolma 3's quality-aware upsampling."""

    column: str
    """Of documents/, or a signal of the ledger; text, whole numbers, true and false, or with `edges` any number."""
    weights: Mapping[str, float] | tuple[float, ...]
    """By value, how often its documents are seen beside the others: `{ high = 3, middle = 1, low = 0.2 }`; with `edges`
    a list, one more than there are edges."""
    edges: tuple[float, ...] = ()
    """Numbers that rise, where buckets of numbers meet; a value on an edge is in the upper one."""
    other: float = field(default=1.0, metadata={"range": (0.0, 1e9)})
    """The weight of documents without a value, or with one that `weights` does not name."""

    @property
    def buckets(self) -> Mapping[str, float]:
        """What the documents of each bucket weigh, by its name: a value, "0.2_to_0.5", or "other"."""
        if isinstance(self.weights, Mapping):
            return {**self.weights, OTHER_BUCKET: self.other}
        names = [f"{low!r}_to_{high!r}" for low, high in pairwise(self.edges)]
        ends = (f"below_{self.edges[0]!r}", f"from_{self.edges[-1]!r}")
        return dict(zip((ends[0], *names, ends[1], OTHER_BUCKET), (*self.weights, self.other), strict=True))


OTHER_BUCKET = "other"


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of tokens. Without `tokens`, as many are drawn as the sources hold; without `weights`, in proportion."""

    tokens: int | None = field(default=None, metadata={"range": (1, float("inf"))})
    """How many to draw in all."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """By source, its share of the tokens: `{ web = 0.6, books = 0.4 }`."""
    max_epochs: float = field(default=4.0, metadata={"range": (0.001, 1e6)})
    """How often a source may be repeated; what it then cannot give goes to the others."""
    temperature: float = field(default=1.0, metadata={"range": (1.0, 1e6)})
    """Without `weights`: shares in proportion to size to the power of 1 / temperature, so that small sources have more;
    1 is as much as each holds, and from some hundred on all have alike."""
    materialize: bool = False
    """Write the mixed, shuffled sequence itself, for trainers that only read in order."""
    max_shard_tokens: int = field(default=1 << 30, metadata={"range": (1000, 1 << 31)})
    """Of the materialized sequence; a source's own shards are one a split."""
    stage: tuple[MixStage, ...] = ()
    """Instead of `tokens` and `weights`: stages of the sequence, each a table `[[mix.stage]]` with its own. No source
    begins anew in a later stage: its epochs count on, and `max_epochs` holds for all stages together."""
    by: Mapping[str, MixBy] = field(default_factory=dict)
    """By source, a table `[mix.by.web]`: some of its documents are seen more often than others, within its share."""

    @property
    def overall_weights(self) -> Mapping[str, float]:
        """Of all stages together, where there are any."""
        if not self.stage:
            return self.weights
        whole: dict[str, float] = {}
        for stage in self.stage:
            total = sum(stage.weights.values())
            for name, weight in stage.weights.items():
                whole[name] = whole.get(name, 0.0) + stage.tokens * weight / total
        return whole


Digits = Literal["triples", "single"]
Whitespace = Literal["runs", "single"]
Case = Literal["kept", "lower"]
"""How a tokenizer that is trained sees digits, white space and capitals."""


@dataclass(frozen=True, slots=True)
class TrainTokenizer:
    """A tokenizer that is trained on a sample of the run."""

    vocab_size: int = field(default=32_768, metadata={"range": (257, 10_000_000)})
    """Ids, with those of the 256 bytes, of the end of a text and of `special_tokens`."""
    sample_bytes: int = field(default=50_000_000, metadata={"range": (1, 10_000_000_000)})
    """Of text that it is trained on, drawn from all sources as the mixture weighs them."""
    sample_weights: Mapping[str, float] = field(default_factory=dict)
    """By source, its share of the sample, instead of that in the mixture; a source that is not named gives nothing."""
    kind: Literal["bpe", "unigram"] = "bpe"
    """Byte-level byte pair encoding; or Unigram, of characters, with bytes for rare ones, as SentencePiece has it."""
    digits: Digits = "triples"
    """A number is cut into groups of up to three digits, or into single ones."""
    whitespace: Whitespace = "runs"
    """Runs of spaces and of newlines may be one token, as code needs, or each is one by itself."""
    case: Case = "kept"
    """With "lower" the tokenizer writes all in lower case first; what was a capital is lost."""
    special_tokens: tuple[str, ...] = ()
    """Control tokens besides end-of-text, whose ids come behind its: 1, 2 and so on. No text is ever encoded as one."""


@dataclass(frozen=True, slots=True)
class TokenizerChoice:
    """`{ train = { vocab_size = … } }`."""

    train: TrainTokenizer = TrainTokenizer()
    """A vocabulary of the run's own."""


@dataclass(frozen=True, slots=True)
class Fim:
    """Fill-in-the-middle, for code: training documents are cut at two places and written with the middle last (Bavarian
    et al. 2022); docs/fill-in-the-middle.md says how."""

    sources: tuple[str, ...]
    """Whose documents are rearranged."""
    rate: float = field(default=0.5, metadata={"range": (0.0, 1.0)})
    """The chance that a document is."""
    spm_rate: float = field(default=0.5, metadata={"range": (0.0, 1.0)})
    """Of those, the share that has the suffix first; the others have the prefix first."""
    prefix: str | None = None
    """The control token before the prefix; without it, `suffix` and `middle` the tokenizer's own files decide."""
    suffix: str | None = None
    """The control token before the suffix."""
    middle: str | None = None
    """The control token before the middle."""


@dataclass(frozen=True, slots=True)
class Tokenize:
    """`tokenizer` is trained on a sample of the run, or "bytes", or the path of a tokenizer.json, a tiktoken file or a
    SentencePiece model."""

    tokenizer: TokenizerChoice | str = TokenizerChoice()
    """`{ train = { … } }`, "bytes", or the path of a tokenizer.json, a tiktoken file or a
    SentencePiece model."""
    end_of_text: str | None = None
    """The token that ends a text (default: the one that the tokenizer's own files declare)."""
    validation: float = field(default=0.005, metadata={"range": (0.0, 0.5)})
    """The share of the tokens that is kept from training; of a source with one document, the end of that."""
    views: tuple[str, ...] = ()
    """More files beside every shard: each a `View`, "module:object" beside the recipe or what a package offers."""
    template: str = "chatml"
    """How conversations are written: "chatml", "llama3", "plain", or the path of a template of one's own
    (docs/conversations.md); its control tokens must be the tokenizer's, and one that is trained reserves them."""
    fim: Fim | None = None
    """A table `[tokenize.fim]`: documents of some sources are rearranged for fill-in-the-middle."""


@dataclass(frozen=True, slots=True)
class Train:
    """The small model that `curate train` makes of the tokens; nothing here changes the data."""

    preset: str = "nano"
    """The size of the model and how long it is trained: "nano", "t1", "t2-20m", "t3-60m", "d12", "d24", "moe", "gpt2",
    "llama" or "qwen3"."""
    regularize: Literal["none", "auto"] = "none"
    """"auto": where the training sees its tokens 4 times or more, weight decay grows with that number, and there is
    dropout."""
    average: float = field(default=0.0, metadata={"range": (0.0, 1.0)})
    """Share of the steps that an average of the weights looks back over, which is then the result; 0: the last weights
    are."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document and one worker may use; what goes over is quarantined, and the run goes on."""

    document_seconds: float = field(default=10.0, metadata={"range": (0.01, 86_400)})
    """CPU time of one document in one step; one of more than 10 MB gets more in proportion."""
    worker_memory: int = field(default=4 << 30, metadata={"range": (256 << 20, float("inf"))})
    """Bytes of one worker process; the document at which it takes more is quarantined."""
    max_record_bytes: int = field(default=64 << 20, metadata={"range": (1, 1 << 31)})
    """A longer record is quarantined without being read to its end."""
    max_quarantined: float = field(default=0.001, metadata={"range": (0.0, 1.0)})
    """Share of the records read that may be quarantined before the run, complete, ends with exit code 3."""
    max_errors: float = field(default=0.05, metadata={"range": (0.0, 1.0)})
    """Share of the documents that reach a user's function on which it may raise (each is quarantined) before the run
    stops."""
    max_drop: float = field(default=0.99, metadata={"range": (0.0, 1.0)})
    """Share of what reaches a step that it may drop before the run, complete, ends with exit code 1."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run: what to read, what to decide by, and what to make of it.

    `base` is the folder that relative paths start from; neither it nor the places are in the digest.
    """

    name: str
    """The run's folder is runs/ and this name, unless `--out` says otherwise."""
    seed: int = field(default=17, metadata={"range": (0, 2**63 - 1)})
    """All that is drawn by chance is drawn from this and from ids, never from a clock."""
    dedup: Dedup | None = None
    decontaminate: Decontaminate | None = None
    scrub: Scrub | None = None
    mix: Mix = Mix()
    tokenize: Tokenize = Tokenize()
    train: Train = Train()
    limits: Limits = Limits()
    sources: tuple[Source, ...] = field(default=(), metadata={"toml": False})
    base: Path = field(default=Path(), compare=False, metadata={"toml": False})
    file: str = field(default="recipe", compare=False, metadata={"toml": False})
    places: SourceLines = field(default_factory=dict, compare=False, metadata={"toml": False})

    def source(self, name: str) -> Source:
        return next(source for source in self.sources if source.name == name)

    def at(self, base: Path) -> Recipe:
        """The recipe in a folder, from which its relative paths start."""
        dedup = self.dedup and replace(self.dedup, base=base)
        return replace(self, base=base, dedup=dedup)

    def with_own_columns(self, own: Mapping[str, tuple[OwnColumn, ...]]) -> Recipe:
        """The recipe whose sources know the columns of their tables."""
        return replace(self, sources=tuple(replace(source, own=own.get(source.name, ())) for source in self.sources))

    def recipe_error(self, message: str, *path: str | int) -> RecipeError:
        """The error to raise for a value, with the place of the nearest thing above it that was written."""
        return recipe_error(message, nearest_place(path, self.places), self.file)


def nearest_place(path: tuple[str | int, ...], places: SourceLines) -> SourceLine | None:
    while path and path not in places:
        path = path[:-1]
    return places.get(path)


def recipe_error(message: str, place: SourceLine | None, file: str) -> RecipeError:
    return RecipeError(message, file=place.file if place else file, line=place.line if place else None)
