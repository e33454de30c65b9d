"""Related journeys: what users of one journey start next, or pursue beside it."""
