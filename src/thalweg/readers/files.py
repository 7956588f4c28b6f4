"""What a file is, found out before it is read: there, not empty, packed or not, and of which kind."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from thalweg.errors import DataError
from thalweg.output import is_text

FORMATS = ("csv", "tsv", "parquet", "jsonl", "libsvm")
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".libsvm": "libsvm",
    ".svm": "libsvm",
    ".svmlight": "libsvm",
}
_WHOLE = 64 << 20  # files up to here are hashed whole
_ENDS = 1 << 20
_LIBSVM_LINE = re.compile(rb"^\s*[+-]?[0-9.eE+-]+(\s+qid:\d+)?(\s+\d+:\S+)*\s*(#.*)?$")
_LIBSVM_ENTRY = re.compile(rb"\s\d+:\S")
_FOREIGN = {
    b"\xff\xfe": "UTF-16 text; save it as UTF-8 (iconv -f utf-16 -t utf-8 does)",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8 (iconv -f utf-16 -t utf-8 does)",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"BZh": "packed by bzip2; unpack it (bunzip2)",
    b"\xfd7zXZ": "packed by xz; unpack it (unxz)",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it (unzstd)",
    b"SQLite format 3": "an SQLite database; export the table as CSV",
}


def refuse_unreadable(path: Path) -> None:
    """Raise DataError for what is not there, is a folder, cannot be opened, is empty, or has no name in UTF-8."""
    is_folder(path)
    if not path.exists():
        near = sorted(p.name for p in path.parent.iterdir() if p.is_file())[:8] if path.parent.is_dir() else []
        hint = f" The folder holds {', '.join(near)}." if near else ""
        raise DataError(f"{path}: no such file.{hint}")
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not a file of rows; fit --stream and predict read folders.")
    if not path.is_file():
        raise DataError(f"{path}: this is no file that can be read more than once; save the rows to one first.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be opened: {error.strerror}.") from None
    if empty:
        raise DataError(f"{path}: the file is empty.")


def is_folder(path: Path) -> bool:
    """Whether it is one. Raises DataError for a name that cannot be looked up, or is not UTF-8."""
    if not is_text(str(path)):
        raise DataError(f"{str(path)!r}: this name is not UTF-8; rename the file.")
    try:
        return path.is_dir()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise DataError(f"{path}: the file cannot be opened: {error.strerror}.") from None


def kind_of(path: Path) -> str:
    """One of `FORMATS`, by the file's ending, or by what it begins with."""
    endings = [ending.lower() for ending in path.suffixes if ending.lower() != ".gz"]
    if endings and endings[-1] in _ENDINGS:
        return _ENDINGS[endings[-1]]
    with opened(path) as file:
        head = file.read(1 << 16)
    if head.startswith(b"PAR1"):
        return "parquet"
    whole = head if len(head) < 1 << 16 else head[: head.rfind(b"\n") + 1] or head[: head.rfind(b" ") + 1]
    lines = [line for line in whole.splitlines()[:20] if line.strip() and not line.lstrip().startswith(b"#")]
    fits = all(_LIBSVM_LINE.match(line) for line in lines) and any(_LIBSVM_ENTRY.search(line) for line in lines)
    return "libsvm" if lines and fits else "csv"


def refuse_foreign(path: Path) -> None:
    """Raise DataError for a file that holds no text, or text in pairs of bytes, saying what it is."""
    with opened(path) as file:
        head = file.read(1 << 16)
    for magic, words in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{path}: this is {words}.")
    if b"\x00" in head:
        line = head[: head.index(b"\x00")].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: there is a byte 0, so this is no text file; --format says what it is.")


def files_in(folder: Path) -> list[Path]:
    """The files of a folder and of the folders in it, in the order of their names; hidden ones and _SUCCESS are not.

    Raises DataError for a folder that holds none.
    """
    found = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    files = [path for path in found if not _is_hidden(path.relative_to(folder))]
    for path in files:
        if not path.exists():
            raise DataError(f"{path}: this link leads to no file; remove it, or what it leads to is missing.")
    if not files:
        raise DataError(f"{folder}: the folder holds no files of rows.")
    return files


def is_among(path: Path, folder: Path) -> bool:
    """Whether a file there is, or would be, one of the files of a folder."""
    path, folder = path.resolve(), folder.resolve()
    return path.is_relative_to(folder) and not _is_hidden(path.relative_to(folder))


def _is_hidden(path: Path) -> bool:
    return any(part[0] in "._" for part in path.parts)


def is_packed(path: Path) -> bool:
    """Whether the file is gzip, or says so by its name."""
    if path.suffix.lower() == ".gz":
        return True
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked. Raises DataError where the gzip stream is broken."""
    with _in_words(path), gzip.open(path) if is_packed(path) else path.open("rb") as file:
        yield cast(BinaryIO, file)


def pieces(path: Path, size: int, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """The same bytes in pieces of about that size, each with how much of the file was read for them and before.

    By zlib at its own pace, which Python's gzip files do not reach. An unpacked file may be entered at an offset.
    Raises DataError where the gzip stream is broken.
    """
    with _in_words(path), path.open("rb") as file:
        packed = is_packed(path)
        file.seek(offset)
        stream, begun = zlib.decompressobj(31), False
        while piece := file.read(size // 16 if packed else size):
            if not packed:
                yield piece, file.tell()
                continue
            parts = []
            while piece:
                begun = True
                parts.append(stream.decompress(piece))
                piece = stream.unused_data
                if stream.eof:  # another stream may follow, after zeros that only pad
                    stream, begun, piece = zlib.decompressobj(31), False, piece.lstrip(b"\x00")
            yield b"".join(parts), file.tell()
        if begun:
            raise EOFError("it ended before its end-of-stream marker")


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, OSError) as error:
        what = "unpacked" if path.exists() and is_packed(path) else "read"
        raise DataError(f"{path}: the file cannot be {what} ({error}); is it whole?") from None


def fingerprint(path: Path) -> str:
    """SHA-256 of a file with its size; for files over 64 MiB of the first and last MiB, and when it was written."""
    found = path.stat()
    size = found.st_size
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if size <= _WHOLE:
            digest.update(file.read())
            return f"sha256:{digest.hexdigest()}:{size}"
        digest.update(file.read(_ENDS))
        file.seek(-_ENDS, 2)
        digest.update(file.read())
    return f"sha256-of-ends:{digest.hexdigest()}:{size}:{found.st_mtime_ns}"
