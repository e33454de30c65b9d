"""Measures how good the journeys are: each part of the pipeline compared with baselines, with intervals.

Each module in ``parts`` has one function that returns a ``Section``. ``data`` has the logs, labelled sets and pseudo
users to measure on, ``baselines`` the methods to compare with, ``statistics`` the intervals, and ``report`` the report.
``studies`` runs the pipeline over a log. Speed is measured in ``benchmarks/``.
"""
