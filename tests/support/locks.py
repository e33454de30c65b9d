"""Another process that holds days."""

HOLD = """
import sys, time
from datetime import date
from pathlib import Path
from journeys_assets.storage.locks import days_locked
with days_locked(Path(sys.argv[1]), date(2026, 3, 2), date(2026, 3, 5), on_wait=lambda: None):
    print("held", flush=True)
    sys.stdin.readline()
"""
