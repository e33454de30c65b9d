"""The report: sections, plots, page."""
