"""Which landing rows are accepted, and which landing files are ingested when."""
