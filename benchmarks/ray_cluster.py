"""A Ray cluster of several nodes on this machine, for tests and `ray_trial.py`: raylets of one core each, and a head
that works on nothing, to which drivers connect.

    with started(nodes=2) as cluster: …      ─▶ `python benchmarks/ray_cluster.py --nodes 2`, told what to do by lines

The process that holds it prints a line of JSON once the cluster is there, and again after each line that it was told:
"add {…}" starts a node with some variables of the environment, "kill 1" kills a node's raylet and all that it has
started, "stop 1" and "go on 1" do the same with SIGSTOP and SIGCONT, "kill head" kills what holds the cluster together.
It ends, and the cluster with it, when its input does. The nodes share this machine's clock, disk and network.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psutil

OBJECT_STORE_BYTES = 80 << 20
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "go on": signal.SIGCONT}


@dataclass(slots=True)
class LocalCluster:
    """The process that holds a cluster, and what it has said last."""

    process: subprocess.Popen[str]
    address: str = ""
    token: str = ""
    nodes: tuple[str, ...] = ()
    """Their ids, those that were killed among them."""

    def hear(self) -> None:
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.address, self.token, self.nodes = told["address"], told["token"], tuple(told["nodes"])

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        print(line, file=self.process.stdin, flush=True)
        self.hear()

    def add(self, environment: Mapping[str, str] | None = None) -> None:
        self.tell(f"add {json.dumps(dict(environment or {}))}")

    @property
    def environment(self) -> dict[str, str]:
        """What a driver needs to be let in."""
        return {"RAY_AUTH_TOKEN": self.token} if self.token else {}


@contextlib.contextmanager
def started(nodes: int, *, insecure: bool = False) -> Iterator[LocalCluster]:
    command = [sys.executable, __file__, "--nodes", str(nodes), *(["--insecure"] if insecure else [])]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        cluster = LocalCluster(process)
        try:
            cluster.hear()
            yield cluster
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--insecure", action="store_true", help="ask for no token")
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    os.environ |= {"RAY_AUTH_MODE": "disabled"} if options.insecure else token
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_memory_monitor_refresh_ms": "0"}
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=settings(cores=0))
    nodes = [cluster.add_node(**settings(cores=1)) for _ in range(options.nodes)]
    tell(answers, cluster, nodes)
    for line in sys.stdin:
        obey(line.strip(), cluster, nodes)
        tell(answers, cluster, nodes)
    for node in [*nodes, cluster.head_node]:  # at once: nothing in it is worth a farewell
        signal_all(node, signal.SIGCONT)
        node.kill_all_processes(check_alive=False, allow_graceful=False)
    os._exit(0)


def settings(cores: int) -> dict[str, Any]:
    return {"num_cpus": cores, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}


def obey(line: str, cluster: Any, nodes: list[Any]) -> None:
    verb, _, rest = line.rpartition(" ") if not line.startswith("add") else line.partition(" ")
    if verb == "add":
        nodes.append(add(cluster, json.loads(rest)))
    elif rest == "head":
        cluster.head_node.all_processes["gcs_server"][0].process.kill()
    else:
        signal_all(nodes[int(rest)], SIGNALS[verb])


def add(cluster: Any, environment: dict[str, str]) -> Any:
    before = os.environ.copy()
    os.environ |= environment
    try:
        return cluster.add_node(**settings(cores=1))
    finally:
        os.environ.clear()
        os.environ |= before


def signal_all(node: Any, number: int) -> None:
    """To a raylet and what it has started: the parent first, which else would start its children again."""
    with contextlib.suppress(psutil.NoSuchProcess):
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in [raylet, *raylet.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


def tell(answers: Any, cluster: Any, nodes: list[Any]) -> None:
    told = {"address": cluster.address, "token": os.environ.get("RAY_AUTH_TOKEN", "")}
    told["nodes"] = [node._node_id for node in nodes]
    print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
