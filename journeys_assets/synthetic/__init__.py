"""A seeded world of users with known journeys, for the demo, tests and benchmarks.

It generates logs in the form of the landing contract, and the truth behind them. The pipeline never reads the truth.
"""

from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world, write_world

__all__ = ["World", "WorldParams", "generate_world", "write_world"]
