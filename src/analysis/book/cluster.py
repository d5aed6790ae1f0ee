"""A book's files read in place by Spark: on this machine, or by the workers of a cluster that see the same folder."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, ClassVar

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.backends import BaseBackend
from ibis.formats.pandas import PandasData
from ibis.formats.pyarrow import PyArrowData

from analysis.book.address import Address, server_address
from analysis.book.engine import Part, Progress, threads
from analysis.errors import Misuse, Unavailable

try:
    from ibis.backends.pyspark import Backend as PySpark
    from ibis.backends.pyspark.datatypes import PySparkSchema
    from py4j.protocol import Py4JError
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession
except ImportError as error:
    raise Unavailable("the engine spark needs a package that is not installed; install npl-workbook[spark].") from error

_LOCAL = "local"
_SHOWN = 200  # characters of what Spark says
_CONNECT_SECONDS = 5.0
_SETTINGS = MappingProxyType(
    {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
)


class ArrowSpark(PySpark):  # type: ignore[misc]  # a package without types
    """Ibis' own, but results and small tables go by Arrow, exact and typed, and not row by row through pandas."""

    def to_pyarrow(self, expr: ir.Expr, /, **options: Any) -> Any:  # noqa: ANN401  (Ibis' own signature)
        """Result of an expression."""
        self._run_pre_execute_hooks(expr)
        asked = expr.as_table()
        found = self._session.sql(self.compile(asked, **options)).toArrow()
        return expr.__pyarrow_result__(PyArrowData.convert_table(found, asked.schema()))

    def execute(self, expr: ir.Expr, /, **options: Any) -> Any:  # noqa: ANN401  (Ibis' own signature)
        """Result of an expression, for pandas."""
        asked = expr.as_table()
        found = self.to_pyarrow(asked, **options)
        frame = pd.DataFrame({name: found[name].to_pylist() for name in found.column_names}, columns=found.column_names)
        return expr.__pandas_result__(PandasData.convert_table(frame, asked.schema()))

    def _register_in_memory_table(self, table: Any) -> None:  # noqa: ANN401  (Ibis' own signature)
        rows = table.data.to_pyarrow(table.schema)
        frame = self._session.createDataFrame(rows, schema=PySparkSchema.from_ibis(table.schema))
        frame.createOrReplaceTempView(table.name)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Spark session.

    Attributes:
        backend: what runs Ibis expressions there.
        session: the session.
    """

    backend: BaseBackend
    session: Any
    kind: ClassVar[str] = "spark"
    keeps_copies: ClassVar[bool] = False

    def require(self, parts: Sequence[Part]) -> None:
        """Files are read as they are."""

    def hold(self, parts: Sequence[Part], progress: Progress | None = None) -> int:  # noqa: ARG002  (nothing to bring)
        """Files are read where they are."""
        return 0

    def sweep(self, current: Iterable[Part]) -> None:
        """There are no copies."""

    def table(self, parts: Sequence[Part]) -> ir.Table:
        """Rows of all parts as one table."""
        name = ibis.util.gen_name("parts")
        # The scheme is said because a cluster's usual file system may be another; Spark wants no %-escapes in it.
        places = [f"file:{part.path.absolute().as_posix()}" for part in parts]
        self.session.read.parquet(*places).createOrReplaceTempView(name)
        return self.backend.table(name)


def open_cluster(text: str) -> Cluster:
    """Open a Spark session, or the one that this process has.

    Args:
        text: "spark://local" for this machine, or the address of a master such as "spark://host:7077".

    Raises:
        Misuse: if it is neither.
        Unavailable: if there is no Java, or the master does not answer.
    """
    address = server_address(text)
    if address.path or address.user or not address.host or (address.host != _LOCAL and not address.port):
        raise Misuse(f"engine must be spark://local or spark://host:port, was {address}.")
    _require_java()
    if address.port is None:
        session = _session(f"local[{threads()}]", _local_settings())
    else:
        _require_answer(address)
        session = _session(str(address), {})
    ArrowSpark.register_options()
    return Cluster(backend=ArrowSpark().connect(session), session=session)


def _local_settings() -> Mapping[str, str]:
    # As many pieces as threads: a shuffle into the usual 200 costs more than the work on one machine.
    return {"spark.driver.host": "127.0.0.1", "spark.sql.shuffle.partitions": str(threads())}


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home) / "bin") if home else None) is None:
        raise Unavailable("the engine spark needs Java 17 or newer, but there is none; install one or set JAVA_HOME.")


def _require_answer(address: Address) -> None:
    # Spark itself would go on asking for a minute.
    try:
        socket.create_connection((address.host, address.port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise Unavailable(f"engine {address} does not answer: {error.strerror or error}.") from error


def _session(master: str, settings: Mapping[str, str]) -> Any:  # noqa: ANN401  (a package without types)
    conf = SparkConf().setAppName("npl").setMaster(master).setAll([*_SETTINGS.items(), *settings.items()])
    with tempfile.TemporaryFile() as said:
        try:
            context = SparkContext._active_spark_context or _first_context(conf, said)
        except (PySparkException, Py4JError) as error:
            raise Unavailable(f"engine spark ({master}) does not start: {_line(error)} {_last_line(said)}.") from error
    if context.master != master:
        raise Misuse(f"one process computes on one Spark, here {context.master}, was {master!r}.")
    return SparkSession.builder.getOrCreate()


def _first_context(conf: Any, said: IO[bytes]) -> Any:  # noqa: ANN401  (a package without types)
    # What Java says while it starts would stand among a command's output, and a report may hold no such lines.
    gateway = launch_gateway(conf, {"stdout": said, "stderr": said})
    return SparkContext(conf=conf, gateway=gateway)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:_SHOWN].rstrip(".")


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode("utf-8", "replace").split("\n")
    return next((line.strip()[:_SHOWN] for line in reversed(lines) if line.strip()), "")
