"""Spark reads a book's files in place and gives the numbers that DuckDB gives."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from analysis.book.quality import findings
from analysis.book.store import Book, open_book
from analysis.cli import cli
from analysis.errors import Unavailable
from equal_engines import NAMES, answer, gaps, small_demo

pytestmark = [
    pytest.mark.slow,
    # Spark's own client leaves closing its connections to the collector.
    pytest.mark.filterwarnings("ignore:.*unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
LOCAL = "spark://local"
_SECONDS = 120


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration book in small."""
    pytest.importorskip("pyspark", reason="Spark is not installed: python make.py engines")
    if shutil.which("java") is None:
        pytest.skip("there is no Java: apt-get install default-jre-headless")
    return small_demo(tmp_path_factory.mktemp("books"))


@pytest.fixture(scope="module")
def both(demo: Path) -> tuple[Book, Book]:
    """The book open on DuckDB and on Spark."""
    return open_book(demo, engine="duckdb"), open_book(demo, engine=LOCAL)


@pytest.mark.parametrize(("by", "basis"), [(("segment",), None), ((), "count")])
@pytest.mark.parametrize("name", NAMES)
def test_every_measure_of_spark_is_that_of_duckdb(both: tuple[Book, Book], name: str, by: tuple[str], basis) -> None:
    here, there = (answer(book, name, by, basis) for book in both)
    assert gaps(here, there) == []


def test_findings_of_spark_are_those_of_duckdb(both: tuple[Book, Book]) -> None:
    here, there = both
    assert there.engine.kind == "spark"
    assert findings(there) == findings(here)


def test_every_row_and_value_is_read_alike(both: tuple[Book, Book]) -> None:
    keys = {"snapshots": ("as_of", "loan_id"), "loans": ("loan_id",), "contacts": ("contact_id",)}
    for name, order in keys.items():
        here, there = (book.table(name).order_by(order).to_pyarrow().to_pylist() for book in both)
        assert here == there
        assert here


def test_a_report_of_spark_says_what_that_of_duckdb_says(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = {}
    for kind, engine in {"duckdb": "duckdb", "spark": LOCAL}.items():
        monkeypatch.setenv("NPL_REPORTS", str(tmp_path / kind))
        done = CliRunner().invoke(cli, ["report", "20_segment_trends", "--book", str(demo), "--engine", engine])
        assert done.exit_code == 0, done.output
        (path,) = (tmp_path / kind).glob("20_segment_trends/2*/manifest.json")
        manifests[kind] = json.loads(path.read_text(encoding="utf-8"))
    assert {kind: one.pop("engine") for kind, one in manifests.items()} == {"duckdb": "duckdb", "spark": "spark"}
    assert manifests["spark"] == manifests["duckdb"]


def test_a_cluster_answers_as_this_machine_does(demo: Path) -> None:
    # A session of its own, because one process computes on one Spark.
    command = [sys.executable, "-m", "analysis", "measure", "npl_ratio", "--by", "segment", "--format", "json"]
    with _cluster() as master:
        done, here = (
            subprocess.run([*command, "--book", demo, "--engine", one], capture_output=True, text=True, check=False)
            for one in (master, "duckdb")
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(here.stdout)


def test_a_master_that_does_not_answer_is_one_sentence(demo: Path) -> None:
    with pytest.raises(Unavailable, match=r"engine spark://127.0.0.1:\d+ does not answer"):
        open_book(demo, engine=f"spark://127.0.0.1:{_free_port()}")


def test_without_java_it_says_so(demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Unavailable, match="needs Java"):
        open_book(demo, engine=LOCAL)


@contextmanager
def _cluster() -> Iterator[str]:
    """A master and one worker on this machine; gives the master's address."""
    import pyspark

    port = _free_port()
    start = [str(Path(pyspark.__file__).parent / "bin" / "spark-class")]
    deploy, master = "org.apache.spark.deploy", f"spark://127.0.0.1:{port}"
    at = ["--host", "127.0.0.1", "--webui-port", "0"]
    processes = [subprocess.Popen([*start, f"{deploy}.master.Master", *at, "--port", str(port)], **_QUIET)]
    try:
        _await(port)
        worker = [f"{deploy}.worker.Worker", *at, "--cores", "1", "--memory", "1g", master]
        processes.append(subprocess.Popen([*start, *worker], **_QUIET))
        yield master
    finally:
        for process in processes:
            process.terminate()
            process.wait(_SECONDS)


_QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _await(port: int) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the master does not start")
