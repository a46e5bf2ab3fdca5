"""A real Spark cluster on this machine, from the package: one master and two worker processes of one core each."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def standalone(folder):
    """Yield the address of a master that two workers have joined; all three are gone afterwards."""
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {**os.environ, "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
                   "SPARK_WORKER_DIR": str(folder / "work"), "PYTHONPATH": str(Path(__file__).parents[3])}  # fmt: skip
    started, port, pages = [], free_port(), free_port()

    def start(name, role, *options):
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}", "--host", "127.0.0.1", *options]
        log = (folder / f"{name}.log").open("wb")
        started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True))

    master = f"spark://127.0.0.1:{port}"
    try:
        start("master", "master.Master", "--port", str(port), "--webui-port", str(pages))
        for n in (1, 2):
            start(f"worker-{n}", "worker.Worker", "--cores", "1", "--memory", "1g", "--webui-port", str(free_port()), master)
        wait_for_workers(pages)
        yield master
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


def wait_for_workers(pages, seconds=240):
    """Wait until the master's page counts two live workers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            said = urlopen(f"http://127.0.0.1:{pages}/json/", timeout=5).read().decode().replace(" ", "")
            if '"aliveworkers":2' in said:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("the workers did not join the master")
        time.sleep(0.5)
