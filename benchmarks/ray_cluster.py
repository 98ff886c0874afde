"""A Ray cluster of several nodes on this machine, each a raylet with one core, for tests and `ray_trial.py`.

    python benchmarks/ray_cluster.py --nodes 2

Prints a line of JSON once the cluster is there: its address and the process numbers of the nodes' raylets. Then it does
what it is told, a line each: "add" and "add ENVIRONMENT" (JSON) start a node, "kill 1" kills the raylet of one and what
it has started, "kill head" the process that holds the cluster together; each is answered by the same line as at first.
It ends, and the cluster with it, when its input does. Nodes share this machine's clock, disk and network.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from typing import Any

import psutil

OBJECT_STORE_BYTES = 80 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=2)
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_memory_monitor_refresh_ms": "0"}
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=node())
    nodes = [cluster.head_node] + [cluster.add_node(**node()) for _ in range(options.nodes - 1)]
    tell(answers, cluster, nodes)
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "add":
            nodes.append(add(cluster, json.loads(rest or "{}")))
        elif rest == "head":
            kill(process_of(cluster.head_node, "gcs_server"))
        else:
            kill(process_of(nodes[int(rest)], "raylet"))
        tell(answers, cluster, nodes)
    os._exit(end(cluster))


def node() -> dict[str, Any]:
    return {"num_cpus": 1, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}


def add(cluster: Any, environment: dict[str, str]) -> Any:
    before = os.environ.copy()
    os.environ |= environment
    try:
        return cluster.add_node(**node())
    finally:
        os.environ.clear()
        os.environ |= before


def process_of(node: Any, kind: str) -> int:
    return int(node.all_processes[kind][0].process.pid)


def kill(number: int) -> None:
    """As if its machine had lost its power: the parent first, which else would start its children again."""
    parent = psutil.Process(number)
    children = parent.children(recursive=True)
    for process in [parent, *children]:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue


def tell(answers: Any, cluster: Any, nodes: list[Any]) -> None:
    raylets = [process_of(node, "raylet") for node in nodes]
    head = process_of(cluster.head_node, "gcs_server")
    print(json.dumps({"address": cluster.address, "raylets": raylets, "head": head}), file=answers, flush=True)


def end(cluster: Any) -> int:
    """At once: nothing in it is worth a farewell."""
    for node in [*cluster.worker_nodes, cluster.head_node]:
        node.kill_all_processes(check_alive=False, allow_graceful=False)
    return 0


if __name__ == "__main__":
    main()
