"""Where work runs: threads in this process, or a Ray cluster. Rows are the same in both."""
