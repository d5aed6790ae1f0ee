"""A PostgreSQL server of the tests' own: started in a folder of its own, gone with it when they end."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PASSWORD = "s3cr:t/@%-word"
_SECONDS = 60
# Nothing of it has to outlive a crash.
_SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "listen_addresses=127.0.0.1")


@dataclass(frozen=True)
class Server:
    """A server that runs, with a user "npl" who needs a password."""

    port: int

    @property
    def plain(self) -> str:
        """Its address without a password."""
        return f"postgresql://npl@127.0.0.1:{self.port}/postgres"

    @property
    def address(self) -> str:
        """Its address with the password."""
        return f"postgresql://npl:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/postgres"


def programs() -> Path | None:
    """Folder of the server's programs; Debian keeps them out of the way."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


@contextmanager
def running() -> Iterator[Server]:
    """Start a server, or skip where there is none to start."""
    pytest.importorskip("psycopg", reason="the driver of PostgreSQL is not installed: python make.py engines")
    found = programs()
    if found is None:
        pytest.skip("there is no PostgreSQL server to start: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="npl-pg-"))
    try:
        with _started(found, folder, _account(folder)) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(found: Path, folder: Path, account: Mapping[str, Any]) -> Iterator[Server]:
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    (folder / "password").chmod(0o644)
    _initialise(found, folder, account)
    port = _free_port()
    options = [word for setting in _SETTINGS for word in ("-c", setting)]
    command = [found / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **account)
        try:
            _await(port, process, folder)
            yield Server(port)
        finally:
            # The fast way to stop, which does not wait for whoever is still connected.
            process.send_signal(signal.SIGINT)
            process.wait(_SECONDS)


def _initialise(found: Path, folder: Path, account: Mapping[str, Any]) -> None:
    # Texts sort as people in America would have it, so that a test notices where a measure leaves it to the server.
    language = ["--locale-provider=icu", "--icu-locale=en-US"] if _version(found) >= 15 else []
    command = [
        found / "initdb", "-D", folder / "data", "-U", "npl", "-E", "UTF8", "--locale=C", *language, "--no-sync",
        "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **account)
    if done.returncode:
        pytest.fail(f"initdb fails: {done.stderr}")


def _version(found: Path) -> int:
    shown = subprocess.run([found / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(shown.split()[2].split(".")[0])


def _account(folder: Path) -> Mapping[str, Any]:
    """The server does not run as root: whom to run it as instead."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in ("postgres", "nobody") if name in known)
    shutil.chown(folder, user)
    return {"user": user}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _await(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        if "ready to accept connections" in (folder / "log").read_text(encoding="utf-8", errors="replace"):
            return
        time.sleep(0.05)
    pytest.fail(f"the server on port {port} does not start: {(folder / 'log').read_text(encoding='utf-8')}")
