"""Text of a file in whatever encoding a bank's system wrote it, as UTF-8."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from analysis.book.ingest.records import UNDECODABLE
from analysis.errors import DataRefused, Misuse, Unavailable

_CHUNK = 1 << 20
# BOM first, longest first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = (
    (b"PK\x03\x04", "a workbook or zip archive; name a workbook .xlsx, unpack an archive"),
    (b"\xd0\xcf\x11\xe0", "an old or protected Excel workbook; save it as .xlsx without a password"),
    (b"PAR1", "a Parquet file; name it .parquet"),
    (b"SQLite format 3\x00", "a SQLite database; give it as sqlite:///path"),
)
_CANDIDATES = ("utf-8", "gb18030")


class Utf8Stream(io.RawIOBase):
    """Bytes of a text as UTF-8; what was no text is U+FFFD, and `lossy` says that there was some."""

    def __init__(self, text: IO[str]) -> None:
        """Start at the text's current position."""
        super().__init__()
        self._text = text
        self._pending = bytearray()
        self.lossy = False

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def is_at_end(self) -> bool:
        """Whether nothing is left."""
        self._fill(1)
        return not self._pending

    def read(self, size: int = -1) -> bytes:
        """Give up to `size` bytes, fewer only at the end."""
        self._fill(size)
        end = len(self._pending) if size < 0 else size
        piece = bytes(self._pending[:end])
        del self._pending[:end]
        return piece

    def _fill(self, size: int) -> None:
        while size < 0 or len(self._pending) < size:
            chunk = self._text.read(_CHUNK)
            if not chunk:
                break
            clean = without_nul(chunk)
            self.lossy = self.lossy or UNDECODABLE in clean
            self._pending += clean.encode("utf-8", "replace")


def without_nul(text: str) -> str:
    """Give the text with NUL characters marked as undecodable: no bank's text holds one."""
    return text.replace("\x00", UNDECODABLE)


@contextmanager
def opened_text(path: Path, encoding: str) -> Iterator[IO[str]]:
    """Open a file, plain or gzip, as text with its line ends as they are.

    Raises:
        Unavailable: if it cannot be read.
        DataRefused: if it is a damaged archive.
    """
    with _read_errors(path), _opened(path) as stream:
        yield io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")


def detected_encoding(path: Path, stated: str | None = None) -> str:
    """Encoding of a text file: as stated, by its mark, strict UTF-8, else GB18030.

    A file that is neither strictly is read as whichever of the two leaves fewer characters unread.

    Raises:
        Misuse: if the stated encoding does not exist.
        DataRefused: if the file is no text.
        Unavailable: if it cannot be read.
    """
    with _read_errors(path), _opened(path) as stream:
        head = stream.read(1 << 16)
    _refuse_binary(path, head)
    if stated is not None:
        return _known_encoding(stated)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None) or _unmarked_utf16(head)
    if marked:
        return marked
    losses: dict[str, int] = {}
    for candidate in _CANDIDATES:
        losses[candidate] = _unread_characters(path, candidate)
        if losses[candidate] == 0:
            return candidate
    return min(losses, key=lambda name: losses[name])


def _known_encoding(stated: str) -> str:
    try:
        name = codecs.lookup(stated).name
    except LookupError as error:
        raise Misuse(
            f"encoding must be one that Python knows, such as 'utf-8' or 'gb18030', was {stated!r}."
        ) from error
    # A byte order mark is no part of the first column's name.
    return {"utf-8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030"}.get(name, name)


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a mark shows as NUL in every other byte of ASCII text."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) * 4 < len(head) or not head:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _unread_characters(path: Path, encoding: str) -> int:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    unread = 0
    with _read_errors(path), _opened(path) as stream:
        while chunk := stream.read(_CHUNK):
            unread += decoder.decode(chunk).count(UNDECODABLE)
    return unread + decoder.decode(b"", True).count(UNDECODABLE)


def _refuse_binary(path: Path, head: bytes) -> None:
    for mark, what in _NOT_TEXT:
        if head.startswith(mark):
            raise DataRefused(f"{path.name} must be delimited text, but is {what}.")


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


@contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataRefused(f"{path.name} is a damaged gzip file ({error}); fetch it again.") from error
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be read: {error.strerror or error}.") from error
