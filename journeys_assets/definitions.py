"""The Dagster code location.

The code server loads it for the UI, and each run loads it in a process of its own, a child of the code server. A run
starts sooner without the lineage of columns, which only the UI shows.
"""

from multiprocessing import parent_process

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.processes import collect_less_often

is_run = parent_process() is not None
if is_run:
    collect_less_often()
defs = build_definitions(column_lineage=not is_run)
