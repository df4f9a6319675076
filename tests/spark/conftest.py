"""A session of Spark, whose Python processes ask the shared sandbox.

``SPARK_MODE`` chooses it: the address of a cluster for ``SparkSession.builder.master``, or ``connect`` for a
server of Spark Connect in the same process. ``make test-spark`` runs the tests in three modes.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from connecty_frames.sandbox import Sandbox

#: Two threads; a failed task is retried twice.
MODE: Final = os.environ.get("SPARK_MODE", "local[2,3]")


@pytest.fixture(scope="session")
def mode() -> str:
    return MODE


@pytest.fixture(scope="session")
def event_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of Spark's event log: its plans, settings and messages."""
    return tmp_path_factory.mktemp("events")


@pytest.fixture(scope="session")
def spark(sandbox: Sandbox, event_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run a session with the data source registered."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed: run make test-spark")
    from connecty_frames.spark import ConnectySource

    environment = {f"CONNECTY_{name.upper()}": str(value) for name, value in sandbox.connection.items()}
    environment |= {
        "CONNECTY_CONFIG": os.devnull,
        "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "TZ": "America/New_York",  # of the Java virtual machine: no value may depend on it
    }
    with pytest.MonkeyPatch.context() as patch:
        # Java takes over the environment when it starts, and the Python processes that of Java.
        for name, value in environment.items():
            patch.setenv(name, value)
        builder = sql.SparkSession.builder
        builder = builder.remote("local[2]") if MODE == "connect" else builder.master(MODE)
        if MODE != "connect":
            options = {
                "spark.driver.memory": "1g",
                "spark.executor.memory": "512m",
                "spark.executorEnv.CONNECTY_CLIENT_SECRET": environment["CONNECTY_CLIENT_SECRET"],
                "spark.ui.port": "0",
                "spark.ui.showConsoleProgress": "false",
                "spark.eventLog.enabled": "true",
                "spark.eventLog.dir": event_log.as_uri(),
                "spark.eventLog.compress": "false",
                "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
            }
            for name, value in options.items():
                builder = builder.config(name, value)
        session = builder.getOrCreate()
    session.conf.set("spark.sql.session.timeZone", "Asia/Kolkata")
    session.dataSource.register(ConnectySource)
    yield session
    session.stop()
