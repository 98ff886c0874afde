"""The members of a .tar (.gz .bz2 .xz .zst) or .zip, one by one, read in memory and never unpacked to disk.

    archive ─▶ header ─▶ regular file? wanted by its name? not too big? ─▶ Member | Rejected
               damage ─▶ one Rejected with its offset; what came before is kept

Names in an archive are data: they go into ids and never near a file system.
"""

from __future__ import annotations

import errno
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Self, TypeVar

from curate.batch import Pulse, Rejected
from curate.engine.plan import InputFile
from curate.readers.inflate import PULSE_BYTES, InflatedFile, Unreadable, inflate, max_inflated
from curate.readers.watch import UNWATCHED, Watch

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst")
EXTENSION_TYPES = (b"x", b"g", b"X", b"L", b"K")  # pax, Solaris and GNU: what belongs to the next header
MAX_EXTENSION_BYTES = 1 << 20
MAX_DIRECTORY_BYTES = 20 << 20  # of a zip; `zipfile` holds ten times that in memory
END_BYTES = 22 + 0xFFFF + 20 + 56  # the end record, its longest comment, and what ZIP64 puts in front
FREE_MEMBERS = 50_000
BYTES_PER_MEMBER = 256
MEMBERS_PER_PULSE = 1000
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError),
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One file of an archive: `id` is `<id of the archive>@<path>`, with `#2` … where a path stands twice."""

    id: str
    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """Members that are looked at on the way, as documents or not: (path, content) of those with a name that is wanted,
    up to so many bytes each."""

    wanted: Callable[[str], bool]
    max_bytes: int
    found: list[tuple[str, bytes]] = field(default_factory=list)

    def wants(self, path: str, size: int) -> bool:
        return size <= self.max_bytes and self.wanted(path)


NOTHING_ASIDE = Aside(lambda path: False, 0)


def is_archive(name: str) -> bool:
    return name.lower().endswith((*TAR_SUFFIXES, ".zip"))


def members(
    file: InputFile,
    *,
    id: str,
    wanted: Callable[[str], bool],
    max_bytes: int,
    watch: Watch = UNWATCHED,
    aside: Aside = NOTHING_ASIDE,
) -> Iterator[ArchiveMember | Rejected]:
    """All files of an archive in its own order; folders are passed over. `aside` is filled on the way.

    A member is dropped as "file_type" (a link or device, or a path that `wanted` refuses) or "empty", and
    quarantined as "too_big", "encrypted" or "corrupt" (.zip: that member alone). Where an archive cannot be read any
    further, the last item says so: a tar is "truncated" or "corrupt" at an offset in the unpacked archive; either kind
    is a "bomb" (`max_inflated`) or has "too_many" members for its size (`max_members`).
    """
    walk = _walk_zip if file.name.lower().endswith(".zip") else _walk_tar
    seen: dict[str, int] = {}
    with watch.open(file) as raw:
        refuse = _refusal(wanted, max_bytes)
        for path, found in walk(raw, file=file, refuse=refuse, aside=aside, pulse=watch.pulse):
            seen[path] = count = seen.get(path, 0) + 1
            member_id = f"{id}@{path}" + (f"#{count}" if count > 1 else "")
            yield ArchiveMember(member_id, path, found) if isinstance(found, bytes) else Rejected(member_id, *found)


def max_members(packed_bytes: int) -> int:
    """How many members an archive of this size may have: a header alone packs to some tens of bytes."""
    return FREE_MEMBERS + packed_bytes // BYTES_PER_MEMBER


def open_zip(stream: Any, *, max_directory_bytes: int = MAX_DIRECTORY_BYTES) -> zipfile.ZipFile:
    """Raises Unreadable: "corrupt" where the directory at the end of the file is missing or broken, "too_many" where it
    is longer than what may be held in memory at once."""
    try:
        size = _directory_bytes(stream)
        if size > max_directory_bytes:
            raise Unreadable("too_many", f"a directory of {size} bytes, the limit is {max_directory_bytes}")
        return zipfile.ZipFile(stream)
    except ZIP_ERRORS as error:
        raise _corrupt(error) from error


def _directory_bytes(stream: Any) -> int:
    """As the record at the end of the file says; 0 where there is none, which `zipfile` tells better."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - END_BYTES, 0))
    tail = stream.read(END_BYTES)
    found = 0
    for mark, layout in ((b"PK\5\6", struct.Struct("<12xL")), (b"PK\6\6", struct.Struct("<40xQ"))):
        at = tail.rfind(mark)
        if at >= 0 and at + layout.size <= len(tail):
            [bytes_said] = layout.unpack_from(tail, at)
            found = max(found, bytes_said if bytes_said != 0xFFFFFFFF else 0)
    stream.seek(0)
    return found


def read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, max_bytes: int) -> bytes:
    """The unpacked bytes of a member. Raises Unreadable: "encrypted", "too_big" or "corrupt"."""
    if info.flag_bits & 1:
        raise Unreadable("encrypted", f"{info.filename} needs a password")
    if info.file_size > max_bytes:
        raise Unreadable("too_big", f"{info.filename} has {info.file_size} bytes, the limit is {max_bytes}")
    try:
        with archive.open(info) as stream:
            return stream.read()  # zipfile hands out no more than the size that was just checked
    except ZIP_ERRORS as error:
        raise _corrupt(error) from error


class _Problem(NamedTuple):
    outcome: Literal["dropped", "quarantined"]
    reason: str
    detail: str


_Refuse = Callable[[str, int, bool], _Problem | None]
_Walk = Iterator[tuple[str, bytes | _Problem]]


def _refusal(wanted: Callable[[str], bool], max_bytes: int) -> _Refuse:
    """Decides from a member's header, before its data is unpacked, whether it is not to be read and why."""

    def refuse(path: str, size: int, is_regular: bool) -> _Problem | None:
        if not is_regular:
            return _Problem("dropped", "file_type", "a link or a device")
        if not wanted(path):
            return _Problem("dropped", "file_type", path)
        if size == 0:
            return _Problem("dropped", "empty", path)
        if size > max_bytes:
            return _Problem("quarantined", "too_big", f"{size} bytes, the limit is {max_bytes}")
        return None

    return refuse


def _walk_zip(raw: Any, *, file: InputFile, refuse: _Refuse, aside: Aside, pulse: Pulse) -> _Walk:
    path = "0"
    try:
        archive = open_zip(io.BufferedReader(raw))
        inflated = 0
        for number, info in enumerate(_checked_count(archive, file)):
            if number % MEMBERS_PER_PULSE == 0 or info.file_size >= PULSE_BYTES:
                pulse()
            if info.is_dir():
                continue
            is_link = (info.external_attr >> 16) & 0o170000 == 0o120000  # the Unix mode, where the maker wrote one
            path = info.filename
            problem = refuse(path, info.file_size, not is_link)
            is_aside = not is_link and aside.wants(path, info.file_size)
            inflated += info.file_size if is_aside or not problem else 0
            if inflated > max_inflated(file.size):
                raise Unreadable("bomb", f"{file.size} bytes unpack to over {inflated - info.file_size}")
            data = _zip_data(archive, info) if is_aside or not problem else b""
            if is_aside and isinstance(data, bytes):
                aside.found.append((path, data))
            yield path, problem or data
    except Unreadable as error:
        yield path, _Problem("quarantined", error.reason, f"{file.name}: {error.detail}")


def _checked_count(archive: zipfile.ZipFile, file: InputFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > max_members(file.size):
        raise Unreadable("too_many", f"{len(entries)} members in {file.size} bytes")
    return entries


def _zip_data(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes | _Problem:
    try:
        return read_zip_member(archive, info, max_bytes=info.file_size)
    except Unreadable as error:
        return _Problem("quarantined", error.reason, error.detail)


def _walk_tar(raw: Any, *, file: InputFile, refuse: _Refuse, aside: Aside, pulse: Pulse) -> _Walk:
    chunks = inflate(raw, name=file.name, pulse=pulse)
    tar, place, left = None, "before the first member", max_members(file.size)
    try:
        tar = _attempt(lambda: _open_tar(chunks))
        while (info := _attempt(tar.next)) is not None:
            tar.members = []  # tarfile would keep every header
            path = info.name.removeprefix("./")
            place, left = f"in or after {path}", left - 1
            if left < 0:
                raise Unreadable("too_many", f"over {max_members(file.size)} members in {file.size} bytes")
            if info.isdir():
                continue
            problem = refuse(path, info.size, info.isreg())
            is_aside = info.isreg() and aside.wants(path, info.size)
            data = _tar_data(tar, info) if is_aside or not problem else b""
            if is_aside:
                aside.found.append((path, data))
            yield path, problem or data
        tar.check_ending()
        for _ in chunks:
            pass  # the checksum of a compressed stream stands behind the last member
    except Unreadable as error:
        yield str(tar.offset if tar else 0), _Problem("quarantined", error.reason, f"{place}: {error.detail}")


def _open_tar(chunks: Iterator[bytes]) -> _Tar:
    return _Tar.open(fileobj=InflatedFile(chunks), mode="r|", tarinfo=_Header, errors="backslashreplace")


def _tar_data(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(info)
    return _attempt(stream.read) if stream else b""


def _attempt(step: Callable[[], _T]) -> _T:
    """One step of `tarfile`, with its many errors made one."""
    try:
        return step()
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        is_short = isinstance(error, tarfile.ReadError) and "unexpected end" in str(error)
        raise Unreadable("truncated" if is_short else "corrupt", str(error) or type(error).__name__) from error


class _Tar(tarfile.TarFile):
    """A TarFile that knows how it ended: `tarfile` takes a broken header for the end of the archive."""

    ending: str = ""
    members: list[tarfile.TarInfo]

    def check_ending(self) -> None:
        if self.ending == "end of file header":
            return
        reason = "truncated" if self.ending in ("empty header", "truncated header") else "corrupt"
        raise Unreadable(reason, f"no mark of the archive's end but: {self.ending}")


class _Header(tarfile.TarInfo):
    @classmethod
    def fromtarfile(cls, tar: Any) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            tar.ending = str(error)
            raise

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: str) -> Self:
        """Refuses names and attributes of gigabytes, which `tarfile` would read into memory."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in EXTENSION_TYPES and header.size > MAX_EXTENSION_BYTES:
            raise tarfile.HeaderError(f"an extended header of {header.size} bytes")
        return header


def _corrupt(error: Exception) -> Unreadable:
    if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
        raise error  # the machine's fault, not the file's; EINVAL comes from a broken offset
    return Unreadable("corrupt", str(error) or type(error).__name__)
