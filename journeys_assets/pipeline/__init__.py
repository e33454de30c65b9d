"""The stages of a day, declared once in ``registry`` and run by ``run``. No Dagster here.

A stage reads from the warehouse, calls one pure function and hands its rows over; ``execute`` stamps the rows, checks
their contract and writes them.
"""
