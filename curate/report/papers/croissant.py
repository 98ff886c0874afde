"""A run's documents described in Croissant 1.1, as JSON-LD that `mlcroissant validate` accepts.

manifest.json: outputs ─▶ cr:FileObject per file of documents/ (sha256, size) ─▶ cr:FileSet per source
columns of documents/ ─▶ cr:Field per column ─▶ cr:RecordSet per source

MLCommons, Croissant Format Specification 1.1, 2026-01-29.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from curate.report.holdings import Holdings
from curate.report.papers.facts import Facts
from curate.run_files import DOCUMENTS
from curate.run_folder import RunFolder

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"
_OWN_WORDS = ("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet",
              "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
              "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField",
              "transform", "isArray", "arrayShape")  # fmt: skip
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{word: f"cr:{word}" for word in _OWN_WORDS},
}
TYPES: tuple[tuple[type[pl.DataType], str], ...] = (
    (pl.String, "sc:Text"),
    (pl.Boolean, "sc:Boolean"),
    (pl.Float32, "sc:Float"),
    (pl.Float64, "sc:Float"),
)


def croissant(run: RunFolder, held: Holdings, facts: Facts) -> dict[str, Any]:
    """The description. Files are named as they lie in the run, relative to where this one lies when it is published
    beside `documents/`; lists and structures among the columns are left out."""
    files = {name: entry for name, entry in run.manifest["outputs"].items() if name.startswith(f"{DOCUMENTS}/")}
    sources = sorted({name.split("/")[1] for name in files})
    said = {key: facts.get("dataset", key) for key in ("license", "url", "version", "published", "citation")}
    named = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": facts.get("dataset", "title") or held.name,
        "description": facts.say("dataset", "description"),
        "license": said["license"],
        "url": said["url"],
        "version": said["version"],
        "datePublished": said["published"],
        "citeAs": said["citation"],
        "creator": _creator(facts),
        "inLanguage": [each.name for each in held.languages if each.name] or None,
        "distribution": [*_distribution(files, sources)],
        "recordSet": [_record_set(run, source) for source in sources] or None,
    }
    return {key: value for key, value in named.items() if value is not None}


def _creator(facts: Facts) -> dict[str, str] | None:
    name = facts.get("dataset", "creators")
    return {"@type": "sc:Organization", "name": name} if name else None


def _distribution(files: Mapping[str, Mapping[str, Any]], sources: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in sorted(files):
        yield {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "contentUrl": name,
            "contentSize": f"{files[name]['size']} B",
            "encodingFormat": PARQUET,
            "sha256": files[name]["sha256"],
        }
    for source in sources:
        yield {
            "@type": "cr:FileSet",
            "@id": f"{DOCUMENTS}-{source}",
            "name": f"{DOCUMENTS}-{source}",
            "encodingFormat": PARQUET,
            "includes": f"{DOCUMENTS}/{source}/*.parquet",
        }


def _record_set(run: RunFolder, source: str) -> dict[str, Any]:
    columns = run.documents(source).collect_schema()
    typed = {name: type_of(dtype) for name, dtype in columns.items()}
    return {
        "@type": "cr:RecordSet",
        "@id": source,
        "name": source,
        "key": {"@id": f"{source}/id"},
        "field": [_field(source, name, kind) for name, kind in typed.items() if kind],
    }


def type_of(dtype: pl.DataType) -> str | None:
    """Croissant's name of a column's type; None for lists and structures."""
    if dtype.is_integer():
        return "sc:Integer"
    return next((name for kind, name in TYPES if dtype == kind), None)


def _field(source: str, name: str, kind: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{source}/{name}",
        "name": name,
        "dataType": kind,
        "source": {"fileSet": {"@id": f"{DOCUMENTS}-{source}"}, "extract": {"column": name}},
    }
