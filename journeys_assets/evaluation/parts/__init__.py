"""One module per part of the evaluation."""
