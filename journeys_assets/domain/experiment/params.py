"""Parameters of the analysis of an experiment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadoutParams:
    """Parameters of the analysis of an experiment. No stage's output depends on them."""

    level: float = 0.95
    """Confidence level of the two-sided intervals."""
    power: float = 0.8
    """Power that defines the minimum detectable effect."""
    min_srm_p_value: float = 0.001
    """A smaller p-value means that the sizes of the arms do not match their shares, and that no result can be trusted
    (Fabijan et al. 2019, *Diagnosing Sample Ratio Mismatch in Online Controlled Experiments*)."""
    min_users_of_arm: int = 100
    """An arm with fewer users causes a warning that intervals are too narrow. With 40 users, 95 % intervals cover the
    true value in 90 to 93 % of cases (measured)."""
    pause_days: int = 180
    """Few sends before a pause of more days than this are outliers, such as a row with a wrong year
    (``domain.scheduling.log_days``)."""
    covariate_days: int = 28
    """Days before the experiment whose engagement is the covariate of the variance reduction (CUPED)."""
