"""A seeded world of users with known journeys: for the demo, tests and benchmarks.

What belongs here: making logs as the landing contract has them, and the truth behind them. What does not: anything that
the pipeline reads the truth for; it never does.
"""

from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world, write_world

__all__ = ["World", "WorldParams", "generate_world", "write_world"]
