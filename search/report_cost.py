"""What a report says of a sweep's nodes and of what held it up."""

from search.view_cost import Cost


def cost_lines(cost: Cost) -> list[str]:
    """What measuring took, the bottleneck, how full the nodes were; nothing that is not known."""
    lines = []
    if cost.measuring_s > 0.0 and cost.cpu_s > 0.0:
        share = cost.measuring_s / (cost.cpu_s + cost.finalists_cpu_s)
        lines.append(f"measuring took {cost.measuring_s:.2f} s of CPU beside them, {share:.1%}")
    if cost.bottleneck is not None:
        lines.append(f"bottleneck: {cost.bottleneck.name}: {cost.bottleneck.why}")
    if cost.nodes:
        lines.append(_nodes(cost))
    return lines


def _nodes(cost: Cost) -> str:
    """All nodes in one line; memory of the fullest."""
    wholes = [node.whole for node in cost.nodes.values()]
    busy, cores = sum(each.cores_busy for each in wholes), sum(each.cores for each in wholes)
    fullest = max(wholes, key=lambda each: each.memory_mb / each.memory_total_mb)
    who = f"node {fullest.host}" if len(wholes) == 1 else f"{len(wholes)} nodes"
    where = "" if len(wholes) == 1 else f" on {fullest.host}"
    return (
        f"{who}: {busy:.1f} of {cores} cores busy, memory up to {fullest.memory_mb:,.0f} of "
        f"{fullest.memory_total_mb:,.0f} MB{where}"
    )
