"""Which reader a source needs: by its address, else by its name."""

from collections.abc import Callable
from pathlib import Path

from analysis.book.ingest.columnar import open_parquet
from analysis.book.ingest.csv_reader import open_csv
from analysis.book.ingest.databases import open_database
from analysis.book.ingest.mapping import Source
from analysis.book.ingest.records import Reading
from analysis.book.ingest.sheets import open_sheet
from analysis.errors import Misuse, Unavailable

_READERS: dict[str, Callable[[Path, Source], Reading]] = {
    ".csv": open_csv,
    ".txt": open_csv,
    ".tsv": open_csv,
    ".dat": open_csv,
    ".gz": open_csv,
    ".xlsx": open_sheet,
    ".xlsm": open_sheet,
    ".parquet": lambda path, _: open_parquet(path),
    ".pq": lambda path, _: open_parquet(path),
}


def open_source(source: str | Path, options: Source) -> Reading:
    """Open a file or database.

    Args:
        source: a path (CSV and its kin, plain or gzip; XLSX; Parquet, file or folder) or a database's URL.
        options: how to read it.

    Raises:
        Unavailable: if it is not there.
        Misuse: if no reader knows its kind.
        DataRefused: if its content cannot be read.
    """
    if "://" in str(source):
        return open_database(str(source), options)
    path = Path(source)
    if not path.exists():
        raise Unavailable(f"source {path.name!r} cannot be read: there is no such file.")
    if path.is_dir():
        return open_parquet(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise Misuse(
            f"source must end in {', '.join(_READERS)} or be a database URL, was {path.name!r}; rename the file."
        )
    return reader(path, options)
