"""Writes the workflow of the science example.

    python docs/examples/science/make.py > docs/examples/science/workflow.yaml

The shape is that in which astronomers put images of the sky together (as Montage does): wide,
narrow, wide, narrow. The run times are our own: a usual one for each kind of step, spread by a
log-normal distribution with a fixed seed. They are no recorded trace.
"""

import sys

from stretto.bench.fleets.chains import longest_chain_ms, work_ms
from stretto.bench.fleets.mosaic import mosaic


def workflow() -> str:
    """The text of `workflow.yaml`: a line a step."""
    steps = mosaic()
    chain_s, work_s = longest_chain_ms(steps) / 1000, work_ms(steps) / 1000
    lines = [
        f"# {len(steps)} steps; the longest chain takes {chain_s:.2f} s, all one after the other",
        f"# {work_s:.1f} s. Made by make.py, which says where the run times come from.",
        "workflow: science",
        "description: Put 72 images of the sky together.",
        "defaults: {queue: mosaic, retry: {max_attempts: 3}}",
        "steps:",
    ]
    for name, step in steps.items():
        needs = f"needs: [{', '.join(step.needs)}], " if step.needs else ""
        lines.append(f"  {name}: {{{needs}task: mosaic.{step.kind}, with: {{ms: {step.ms}}}}}")
    return "\n".join([*lines, 'output: {picture: "${{ steps.show.output }}"}', ""])


if __name__ == "__main__":
    sys.stdout.write(workflow())
