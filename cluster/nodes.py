"""What a running Ray cluster has to offer, node by node."""

from cluster.errors import ClusterError
from cluster.ray_session import RaySession, largest_first, nodes_alive
from search.room import Node


def cluster_nodes(address: str) -> tuple[Node, ...]:
    """Cores and memory for trials of each node alive that has a core, the largest first.

    Raises:
        ClusterError: no cluster answers there, or it has no node with a core.
    """
    session = RaySession(address)
    try:
        found = tuple(node for node in largest_first(nodes_alive()) if node.cores > 0)
    finally:
        session.close()
    if not found:
        raise ClusterError(f"the cluster at {address} has no node with a core for trials")
    return found
