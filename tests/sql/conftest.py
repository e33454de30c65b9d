"""The comparison with a real dbt has an environment of its own: `make test-dbt` names it in JOURNEYS_DBT."""

import os

collect_ignore = [] if "JOURNEYS_DBT" in os.environ else ["test_dbt.py"]
