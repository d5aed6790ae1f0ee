"""Put a finished folder in the place of another so that no reader ever finds neither."""

import ctypes
import errno
import os
import sys
from pathlib import Path

_AT_WORKING_FOLDER = -100  # AT_FDCWD of Linux
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux
_SWAP = 2  # RENAME_SWAP of macOS
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM, errno.EXDEV}
_ASIDE = ".aside"


def put_in_place(finished: Path, target: Path) -> Path | None:
    """Make a folder the one at `target`, durably.

    Where the system can exchange two folders in one step, readers see the old or the new one at any time.
    Elsewhere there are two renames; what a crash leaves between them, `restore` mends.

    Args:
        finished: complete folder on the same file system; it is gone afterwards, or holds the old content.
        target: where it belongs.

    Returns:
        the folder that now holds what was there before; None if nothing was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        finished.rename(target)
        sync_folder(target.parent)
        return None
    replaced = finished if exchange(finished, target) else _renamed_twice(finished, target)
    sync_folder(target.parent)
    return replaced


def restore(folder: Path, prefix: str = "") -> list[tuple[Path, Path]]:
    """Mend what a crash between two renames left: the old folder returns if no new one came.

    Args:
        folder: where it happened.
        prefix: of the names that the caller may mend.

    Returns:
        folders that are left over because a new one did come, each with the new one.
    """
    left = []
    for aside in sorted(folder.glob(f".{prefix}*{_ASIDE}")):
        target = folder / aside.name.removeprefix(".").removesuffix(_ASIDE)
        if target.exists():
            left.append((aside, target))
        else:
            aside.rename(target)
    return left


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        at = _AT_WORKING_FOLDER
        status = library.renameat2(at, first, at, second, _EXCHANGE)  # type: ignore[union-attr]
    elif sys.platform == "darwin" and hasattr(library, "renamex_np"):
        status = library.renamex_np(first, second, _SWAP)  # type: ignore[union-attr]
    else:
        return False
    if status and (number := ctypes.get_errno()) not in _UNSUPPORTED:
        raise OSError(number, os.strerror(number), str(other))
    return not status


def sync_tree(folder: Path) -> None:
    """Make a folder's content durable, files first."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable; Windows does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _renamed_twice(finished: Path, target: Path) -> Path:
    aside = target.with_name(f".{target.name}{_ASIDE}")
    target.rename(aside)
    finished.rename(target)
    return aside
