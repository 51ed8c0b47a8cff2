"""A redis-py client that a test drives: one JSON array a line in, one JSON object a line out.

Arguments: the mode (plain, cluster, sentinel) and the ports of the nodes.
"""

import json
import logging
import sys

import redis
from redis.backoff import ExponentialBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry
from redis.sentinel import Sentinel

HOST = "127.0.0.1"
LOST = [redis.exceptions.ConnectionError, redis.exceptions.TimeoutError]


def patience():
    """Retries, as redis-py offers them, long enough for a node to come back."""
    return {"retry": Retry(ExponentialBackoff(cap=0.2, base=0.01), 50), "retry_on_error": LOST}


def connect(mode, ports):
    if mode == "plain":
        return redis.Redis(HOST, ports[0], decode_responses=True, **patience())
    if mode == "cluster":
        nodes = [ClusterNode(HOST, port) for port in ports]
        # Otherwise 4.3.4 cannot look for the cluster again once a node was lost: it then copies
        # itself, lock and all ("cannot pickle '_thread.lock' object").
        return RedisCluster(startup_nodes=nodes, dynamic_startup_nodes=False, decode_responses=True)
    sentinel = Sentinel([(HOST, port) for port in ports], decode_responses=True)
    return sentinel.master_for("tgcache", **patience())


def main():
    # It logs every error that it retries, with its stack.
    logging.getLogger().addHandler(logging.NullHandler())
    client = connect(sys.argv[1], [int(port) for port in sys.argv[2:]])
    for line in sys.stdin:
        try:
            answer = {"reply": client.execute_command(*json.loads(line))}
        except Exception as error:  # RedisCluster hands on more than its own kinds.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
