"""How good the journeys are: each part of the pipeline beside its baselines, with intervals.

One module a part (``clustering``, ``naming``, ``ranking``, …), each with one function that returns a ``Section``.
``statistics`` makes the intervals, ``section`` says what a part reports, ``study`` what it is measured on, ``report``
writes it all down.

What belongs here: protocols and their measures. What does not: the models that are measured (``domain``, ``models``),
running the pipeline over a log (``journeys_assets.evaluation.studies``), and speed (``benchmarks/``).
"""
