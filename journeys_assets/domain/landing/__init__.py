"""The landing contract: which rows and files are accepted."""
