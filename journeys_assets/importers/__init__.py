"""Conversion of public log formats to the landing contract: one module per format, pure polars.

An importer defines the meaning of a format's columns and which rows to skip. Files are read in ``storage.ingest``; the
rules of the landing contract are in ``domain.landing.contract``.
"""
