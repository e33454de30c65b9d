"""How an experiment is read out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadoutParams:
    """How an experiment is read out. It shapes no stage's output."""

    level: float = 0.95
    """Of the two-sided intervals."""
    power: float = 0.8
    """With which the minimum detectable effect would be found."""
    min_srm_p_value: float = 0.001
    """Below it the arms' sizes are not those that were meant, and nothing else is to be believed (Fabijan et al. 2019,
    *Diagnosing Sample Ratio Mismatch in Online Controlled Experiments*)."""
    min_users_of_arm: int = 100
    """With fewer in an arm an interval is told to be too sure: of those of 95 %, 90 to 93 % hold with 40 (measured)."""
    covariate_days: int = 28
    """Days before the experiment whose engagement explains a part of the engagement in it."""
