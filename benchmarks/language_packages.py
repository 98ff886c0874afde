"""The Debian packages that the language model is trained from: fetched by name and version, checked, and read.

language_packages.tsv (name, version, SHA-256) ─▶ apt-get download ─▶ FOLDER/debs ─▶ files inside, by their paths
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).with_name("language_packages.tsv")
AT_A_TIME = 40


def fetch(folder: Path) -> list[Path]:
    """All packages, those that are not there yet downloaded; in the order of their names.

    Raises:
        SystemExit: one has another checksum than in the table, or its version is gone from Debian's mirrors (its
            snapshot archive has it).
    """
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    rows = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()]
    missing = [f"{name}={version}" for name, version, _ in rows if not found(debs, name)]
    for start in range(0, len(missing), AT_A_TIME):
        subprocess.run(["apt-get", "download", *missing[start : start + AT_A_TIME]], cwd=debs, check=True)
    for name, version, sha256 in rows:
        if hashlib.sha256(found(debs, name)[0].read_bytes()).hexdigest() != sha256:
            raise SystemExit(f"{found(debs, name)[0]} is not {name} {version}: its SHA-256 should be {sha256}")
    return [found(debs, name)[0] for name, _, _ in rows]


def found(debs: Path, name: str) -> list[Path]:
    return sorted(debs.glob(f"{name}_*.deb"))


def members(package: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """The files of a package whose path, which begins with "/", has what is wanted."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as tar,
    ):
        for member in tar:
            path = member.name.removeprefix(".")
            if member.isfile() and wanted.search(path):
                file = tar.extractfile(member)
                assert file is not None
                yield path, file.read()
