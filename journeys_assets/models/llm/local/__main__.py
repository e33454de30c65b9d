"""Serve the packaged model on 127.0.0.1: ``python -m journeys_assets.models.llm.local FOLDER [--port N]``."""

import argparse
from pathlib import Path

from journeys_assets.models.llm.local.serving import serve
from journeys_assets.models.llm.local.weights import NAME, load_gemma

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the weights are put together")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    serve(*load_gemma(arguments.folder), NAME, arguments.port)
