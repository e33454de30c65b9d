"""Every number that shapes a result, as frozen dataclasses, and the fingerprints made from them.

What belongs here: parameters with their unit and why they have their value. What does not: settings of a deployment
(paths, model locations), which live in ``journeys_assets.settings``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal, get_args


@dataclass(frozen=True, slots=True)
class KeywordParams:
    """Which keywords count, and how much one action says."""

    revision: int = 1
    look_back_days: int = 90
    horizon_days: int = 180
    """A user whose last active day is longer ago has no live journeys."""
    max_keywords_per_user: int = 2000
    """Heaviest keywords kept per user and window; clustering is quadratic."""
    search_weight: float = 1.0
    closeup_weight: float = 0.3
    save_weight: float = 1.0
    clickthrough_weight: float = 0.7
    board_weight: float = 1.0
    generic_share: float = 0.01
    """A keyword carried by at least this share of the catalogue's items is generic …"""
    generic_min_items: int = 10
    """… if at least so many items carry it: in a small catalogue a large share may be one item."""


@dataclass(frozen=True, slots=True)
class ClusteringParams:
    """Smoothed vectors, then average linkage, cut node by node by a learned ensemble (``learned_cut``)."""

    revision: int = 6
    smoothing_neighbours: int = 6
    """A keyword is averaged with its nearest keywords of the same user, this many with itself."""
    smoothing_floor: float = 0.1
    """Neighbours weigh by how far their cosine lies above this, so a keyword that is like none stays as it is."""
    learned_cut: str = "d56358938e5a"
    """Digest of the ensemble that comes with the package; ``benchmarks/fit_cut.py`` makes it and says what to put."""
    least_log_odds: float = 0.0
    """Log odds from which on a node of the dendrogram stays one cluster. Lower gives broader journeys, higher finer."""
    area_distance: float = 0.81
    """Two parts of the dendrogram are one area where the mean cosine distance between their keywords is below this: 0
    makes each journey its own area, 2 all of a user's journeys one. ``benchmarks/area_distance.py`` chose it."""
    min_journey_keywords: int = 3
    min_small_journey_weight: float = 4.0
    """Two keywords make a journey too once their engagement weights sum to this: a thin user who keeps coming back."""
    min_journey_cohesion: float = 0.35
    theme_cosine: float = 0.33
    """Mean cosine to a theme's earlier keywords from which a new keyword joins the theme; themes give journeys ids."""


@dataclass(frozen=True, slots=True)
class NamingParams:
    """Weights of the naming score; they need not sum to one (the score is normalised).

    Fitted by ``benchmarks/fit_naming.py``, but for the readability weight: the labelled sets hold neither codes nor
    junk, so it is set by hand.
    """

    revision: int = 2
    theme_centrality_weight: float = 3.02
    coverage_weight: float = 0.37
    topicality_weight: float = 0.44
    specificity_weight: float = 0.87
    several_words_weight: float = 1.2
    readability_weight: float = 0.8
    takeover_margin: float = 0.02
    """By how much a later keyword must score better than the one that holds the name."""
    generic_share: float = 0.01
    """A keyword carried by at least this share of the catalogue's items is no name where there is a better one."""


Diversifier = Literal["penalty", "none", "mmr", "ssd", "dpp"]
DIVERSIFIERS: tuple[str, ...] = get_args(Diversifier)


@dataclass(frozen=True, slots=True)
class RankingParams:
    """The documented prior score, the training of a ranker, and the published diversification.

    The prior is P(real) x P(current): P(current) halves every ``recency_half_life_days``; P(real) is a logistic
    function of the four evidence weights below. They are set by hand, so that three keywords with one engagement each
    on one day start near 0.5 and a dozen engagements over several days near 0.9.
    """

    revision: int = 4
    recency_half_life_days: float = 14.0
    prior_intercept: float = -2.2
    prior_volume_weight: float = 0.8
    """Per unit of ln(1 + engagement weight of 90 days)."""
    prior_active_days_weight: float = 0.6
    """Per unit of ln(1 + active days of 90 days)."""
    prior_size_weight: float = 0.3
    """Per unit of ln(1 + keywords)."""
    prior_cohesion_weight: float = 1.0
    """Per unit of cohesion."""
    diversifier: Diversifier = "penalty"
    """How similar journeys are kept from crowding the top; ``domain.diversification`` describes each."""
    diversification_penalty: float = 0.95
    similarity_threshold: float = 0.6
    """Cosine of centroids over which two journeys count as similar, whichever diversifier is chosen."""
    mmr_relevance_weight: float = 0.7
    """0: each place to what is least like those before; 1: by score."""
    ssd_gamma: float = 0.25
    """What a volume of 1 is worth, in score; 0: by score."""
    ssd_window: int = 5
    """Places, the one to be filled with them, over which the volume is taken."""
    dpp_similarity_weight: float = 0.8
    """0: by score; 1: a second journey of the same direction as one before is worth nothing."""
    diversified_places: int = 20
    """Places that mmr, ssd and dpp fill; journeys left over follow by score. Nobody is shown more."""
    more_boost: float = 0.5
    """Share of the way up to 1 that score and confidence go when the user asks for more of a journey; halves every
    ``recency_half_life_days``. Half the way: it beats most of what the log alone says, and leaves the order among
    several journeys that the user wants more of to the ranker."""
    response_days: int = 7
    """A click counts as an answer to a send for this long; younger sends are not labels yet."""
    max_propensity_weight: float = 20.0
    """Inverse propensities are clipped here: a little bias against unbounded variance."""
    random_slot_only: bool = False
    """Learn only from sends that were drawn at random, whatever propensities are logged."""
    annotation_positive_from: float = 4.0
    """Median relevance over the annotators from which a journey counts as real and current."""
    annotation_min_overlap: float = 0.5
    """Share of an annotation's keywords that a journey must hold to be the one that was judged."""
    engagement_days: int = 7
    """A journey that the user engages with in this many days after a day is a positive of that day: whole weeks, so
    that every weekday counts the same."""
    engagement_every_days: int = 7
    """One day in so many is labelled with what came after: more often, and the windows overlap and teach little."""
    max_engagement_labels: int = 200_000
    """Most such labels that are read, whole users of a day at a time: bounds the memory and time of training."""
    min_training_labels: int = 150
    min_labels_of_each: int = 20
    """Fewest positives, and fewest negatives, in the earlier slice; and fewest for a calibration."""
    min_later_labels: int = 30
    later_share: float = 0.25
    """Share of the labels, the latest ones by whole days, that the model is judged on and never sees."""
    training_folds: int = 5
    training_seed: int = 20250801


@dataclass(frozen=True, slots=True)
class StagingParams:
    """When a journey is evergreen or seasonal, when a situational one has ended, and how P(ended) is learnt."""

    revision: int = 3
    ended_after_days: int = 28
    """The fixed-gap rule: what says that a journey has ended where no stage model is released."""
    ended_min_probability: float = 0.75
    """With a stage model: a journey has ended from here on. One that is wrongly called ended loses the notifications
    about it, one that is told late costs a needless one: the former counts as three times as bad."""
    evergreen_min_span_days: int = 45
    """Fewest days from the first turn to the last one, of the last ``history_days``, for a journey to be evergreen …"""
    evergreen_min_turn_week_share: float = 0.5
    """… if the user turned to it in so many of the weeks in which they came at all …"""
    evergreen_max_gap_days: int = 56
    """… and has not left it alone for so long: nothing is perpetual that was let go for twice the fixed gap."""
    ended_at_latest_days: int = 90
    """With a stage model too, a situational journey ends after so many days; the look-back window of keywords."""
    seasonal_min_quiet_days: int = 120
    """Longest season: the eight months that are left of a year."""
    seasonal_min_probability: float = 0.5
    """A journey is seasonal if that is likelier than that it is not."""
    stray_turn_share: float = 0.02
    """Mean share of visits with a turn to a journey that is not on: it shares words with others."""
    season_tolerance_days: int = 30
    """A season may come so much earlier or later than the year before."""
    intent_min_actions: int = 10
    """Intent is told by the latest week if it has so many actions on items, else by 28 days, else by 90."""
    intent_prior_actions: float = 10.0
    """Actions at the usual mix that every journey counts as having: a few actions say little."""
    usual_save_share: float = 0.18
    usual_clickthrough_share: float = 0.12
    """The usual mix; the other 0.7 are closeups: seven looks, about two saves, about one clickthrough."""
    intent_min_lift: float = 1.2
    """A journey is deciding (acting) from this multiple of the usual share of saves (clickthroughs) on, else it is
    exploring."""
    history_days: int = 90
    """A journey is judged by its engagements of so many days up to its last one; the look-back window of keywords."""
    usual_gap_days: float = 7.0
    """One more gap, of a week, that every journey counts as having had: a single engagement tells no cadence."""
    label_days: int = 28
    """A journey that is left alone for so long by a user who keeps coming has ended; as long as the fixed gap."""
    label_min_visits: int = 3
    """Fewer visits than this in ``label_days`` say nothing of a journey."""
    training_snapshots: int = 16
    """Days, a week apart, whose journeys a stage model is trained on; the last ones whose label is known."""
    min_training_labels: int = 500
    min_labels_of_each: int = 50
    training_folds: int = 5
    training_seed: int = 20260105


@dataclass(frozen=True, slots=True)
class NotificationParams:
    """Who may be sent what, how often, and when. Hours are local wall-clock hours of the user, 0-23."""

    revision: int = 1
    min_confidence: float = 0.5
    weekly_cap_per_user: int = 2
    """Most sends to a user in any 7 days in a row, over all journeys and channels."""
    journey_cool_down_days: int = 14
    """Fewest days from one send about a journey to the next one about it."""
    memory_penalty: float = 1.0
    """What a journey's standing is multiplied by for each recent send about it or one like it; 1: no memory. It makes
    sends more varied and what is sent less relevant, so it is for those who want that: try 0.8."""
    memory_days: int = 28
    """Sends of so many days are remembered when the next one is chosen."""
    memory_similarity: float = 0.45
    """Cosine of centroids over which two journeys are alike to a reader."""
    quiet_start_hour: int = 21
    quiet_end_hour: int = 8
    """Quiet from the start hour up to, not including, the end hour; no quiet hours where the two are equal."""
    send_window_hours: int = 3
    default_send_hour: int = 18
    """Start of the window where nothing is known of the user's habits, and what settles ties."""
    journey_arm_share: float = 0.8
    interest_arm_share: float = 0.1
    """The rest is holdout."""
    experiment_salt: str = "journeys-1"


@dataclass(frozen=True, slots=True)
class EvolutionParams:
    """When a journey that is new or gone counts as another one's continuation, part or whole. Shares of keywords."""

    revision: int = 1
    min_overlap: float = 0.5
    """A gone and a new journey that are each other's best match are one journey if they share this much of the smaller
    one: a journey that trebled overnight is still the same."""
    mostly: float = 0.5
    """A new journey is a split if more than this share of its keywords was in journeys before, else it is born."""
    min_taken_up: float = 0.4
    """A gone journey is merged if later ones hold this share of its keywords, else it has expired. Less than a half,
    because the look-back window moves on with a user who comes back, and leaves keywords behind."""


@dataclass(frozen=True, slots=True)
class QualityParams:
    """Bounds of the quality monitors. They shape no other stage's output: changing one asks for no inference.

    The bounds that compare a day with the weeks before are raised to what chance alone explains (``sigmas``,
    ``chance_quantile``). So the least shifts here say what matters to a reader of the output, not what can be told
    from chance.
    """

    revision: int = 1
    trailing_days: int = 28
    """Four whole weeks, so that every weekday weighs the same."""
    min_history_days: int = 7
    """With less than one whole week before it a day is not judged: a weekend would look like a shift."""
    min_history_days_of_sends: int = 14
    """A deployment begins with a burst, as nothing has been sent yet; then every journey waits for its cool-down."""
    max_psi: float = 0.2
    """The usual mark of a major shift of a distribution (credit scoring: Siddiqi 2006, *Credit Risk Scorecards*)."""
    chance_quantile: float = 0.999
    """A monitor is asked every day: at the 99 % point chance alone would fire it three times a year."""
    sigmas: float = 3.5
    """Robust standard deviations (1.4826 MAD) to an outlier; Iglewicz and Hoaglin 1993."""
    max_singleton_share: float = 0.8
    """The first days of a log, when every user is thin, have about 0.4; at 0.8 next to nothing hangs together."""
    min_users_for_share: int = 10
    """A few newcomers with one search each are all singletons, and no fault."""
    min_singleton_shift: float = 0.1
    """A full inference holds inactive users too, and lies 4 to 5 points above a usual day."""
    max_journeys_per_user: float = 40.0
    """People do not pursue so many things at once; the heaviest synthetic user has about 20."""
    max_one_area_share: float = 0.6
    """Of users with four journeys or more. 0 in the synthetic world, 0.48 in a shop whose items are all alike."""
    min_journeys_per_user_shift: float = 0.25
    """Of the trailing level. Journeys stay for half a year, so the mean moves by a few percent in a month."""
    min_users_shift: float = 0.25
    """Of the trailing level, as above: users stay live for half a year."""
    max_flapping_share: float = 0.01
    """Users who come back within a week of the end make 0.25 % on a busy day; four times that is not their doing."""
    flapping_days: int = 7
    max_id_churn: float = 0.05
    """Of the journeys that go on. Most users do nothing on a day: a busy day of a real log has 1 to 2 percent."""
    max_name_churn: float = 0.15
    """Of the journeys that keep their id, as above; a release that renames everything is told once."""
    max_days_behind_log: int = 1
    """The day that is not over yet."""
    max_silent_days: int = 3
    """A weekend with a holiday. A source with longer pauses of its own is held to the longest of them, plus one."""
    max_share_quarantined: float = 0.05
    max_share_stale_users: float = 0.05
    """Users of the day that is not over yet, and late events, are always a few."""


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


@dataclass(frozen=True, slots=True)
class AnnotationParams:
    """What sheets for annotators show and how their rows are drawn. They shape no stage's output."""

    confidence_bands: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Inner edges of the bands that are sampled apart; a value on an edge belongs to the band above."""
    heavy_quantile: float = 0.9
    """Users with more engagements in 90 days than this share of users are heavy; up to the median they are light."""
    as_of_days: int = 4
    """A sheet shows journeys as of so many days, unless told otherwise: a ranker learns from the earlier ones and is
    judged on the later ones, so that labels of a single day can train none."""
    days_apart: int = 7
    keywords_shown: int = 12
    keywords_kept: int = 200
    """Keywords that a judgement keeps, to tell which journey it was; those of bots have thousands."""
    examples_shown: int = 5
    """Example searches, and example items."""
    weeks_shown: int = 13


@dataclass(frozen=True, slots=True)
class NameTrainingParams:
    """How naming weights are learnt from annotators' names. They shape no stage's output: a release does."""

    prior_strength: float = 0.3
    """How strongly the weights of ``NamingParams`` hold: what their squared distance costs, in grades of journeys. The
    best of 0, 0.3, 1, 3 and 10 from 50 to 2,000 labels, on themes that no figure is reported of."""
    accepted_grade: float = 0.5
    """What a name says of itself that an annotator was shown and let stand: it will do, which is about half of what the
    one that they would give says (1)."""
    min_journeys: int = 100
    """Fewest journeys that were named by an annotator who was shown no name, which are what weights are judged by; with
    fewer the interval over users hides any gain that is to be had."""
    min_users: int = 20
    folds: int = 5
    """The users of each are named by weights that were fitted on the others."""
    seed: int = 20260301


STAGE_ORDER = ("keywords", "clustering", "naming", "ranking", "staging", "notifications", "evolution", "quality")
"""A stage's version covers its own parameters and those of the stages before; what shapes nothing else comes last."""


@dataclass(frozen=True, slots=True)
class AlgorithmParams:
    """All parameters of the pipeline."""

    keywords: KeywordParams = field(default_factory=KeywordParams)
    clustering: ClusteringParams = field(default_factory=ClusteringParams)
    naming: NamingParams = field(default_factory=NamingParams)
    ranking: RankingParams = field(default_factory=RankingParams)
    staging: StagingParams = field(default_factory=StagingParams)
    notifications: NotificationParams = field(default_factory=NotificationParams)
    evolution: EvolutionParams = field(default_factory=EvolutionParams)
    quality: QualityParams = field(default_factory=QualityParams)
    annotation: AnnotationParams = field(default_factory=AnnotationParams)
    name_training: NameTrainingParams = field(default_factory=NameTrainingParams)

    def version_of(self, stage: str, **extra: str) -> str:
        """Fingerprint (12 hex digits) of ``stage``'s parameters, those of every stage before it, and ``extra``."""
        if stage not in STAGE_ORDER:
            raise ValueError(f"unknown stage {stage!r}; known: {', '.join(STAGE_ORDER)}")
        upto = STAGE_ORDER[: STAGE_ORDER.index(stage) + 1]
        state = {name: dataclasses.asdict(getattr(self, name)) for name in upto} | {"extra": extra}
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()[:12]
