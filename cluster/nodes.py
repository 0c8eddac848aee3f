"""What a running Ray cluster has to offer, node by node."""

from cluster.errors import ClusterError
from cluster.ray_session import MB, RaySession


def cluster_nodes(address: str) -> list[tuple[int, float]]:
    """Cores and memory for trials (units of 2**20 bytes) of each node alive, the largest first.

    Memory is what Ray itself hands out: its own store of objects is not in it.

    Raises:
        ClusterError: no cluster answers there, or it has no node with a core.
    """
    session = RaySession(address)
    try:
        import ray

        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    finally:
        session.close()
    found = [(int(node.get("CPU", 0)), node.get("memory", 0.0) / MB) for node in alive]
    found = sorted((node for node in found if node[0] > 0), reverse=True)
    if not found:
        raise ClusterError(f"the cluster at {address} has no node with a core for trials")
    return found
