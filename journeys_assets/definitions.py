"""The Dagster code location.

The code server loads it for the UI, and each run loads it in a process of its own, a child of the code server. A run
starts sooner without the lineage of columns, which only the UI shows.
"""

from multiprocessing import parent_process

from journeys_assets.defs.build import build_definitions

defs = build_definitions(column_lineage=parent_process() is None)
