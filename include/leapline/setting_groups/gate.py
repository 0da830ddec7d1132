"""Settings about the gate: what a model has to be to be published."""

from pydantic import Field
from pydantic_settings import BaseSettings


class GateSettings(BaseSettings):
    """The limits of the verdict's rules, each described with what it limits."""

    roc_auc_threshold: float = Field(0.88, gt=0.5, le=1, description="Gate: minimum ROC AUC on the holdout.")
    min_positives: int = Field(30, ge=1, description="Gate: minimum number of buyers in the holdout.")
    max_roc_auc: float = Field(
        0.999, gt=0.5, le=1, description="Gate: a ROC AUC at or above this is treated as label leakage."
    )
    min_precision_lift: float = Field(
        2.0, ge=1, description="Gate: minimum average precision, as a multiple of the prevalence."
    )
    max_calibration_error: float = Field(
        0.03, gt=0, le=1, description="Gate: maximum expected calibration error (10 bins of equal size)."
    )
    max_importance: float = Field(0.9, gt=0, le=1, description="Gate: maximum importance of a single feature.")
    min_slice_roc_auc: float = Field(
        0.7,
        ge=0,
        le=1,
        description="Gate: minimum ROC AUC in each slice (device, new or returning visitor, time of day).",
    )
    slice_min_positives: int = Field(
        20,
        ge=1,
        description="Gate: slices with fewer buying or other sessions are judged together, or named as not judged.",
    )
    compare_champion: bool = Field(
        True, description="Gate: score the champion on the same holdout; if that fails, the model is refused."
    )
    champion_margin: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="Gate: non-inferiority margin; lower bound of ROC AUC minus the champion's must exceed -margin.",
    )
    min_baseline_gain: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="Gate: the lower bound of the ROC AUC difference to the Markov baseline must exceed this.",
    )
    roc_auc_confidence: float = Field(
        0.9,
        ge=0.5,
        le=0.999,
        description="Gate: the ROC AUC threshold is required of the one-sided lower bound with this confidence; 0.5: "
        "of the value itself.",
    )
    min_effective_buyers: float = Field(
        20.0,
        ge=2,
        description="Gate: minimum of the effective number of buyers, and of other visitors, in the holdout: one "
        "visitor's purchases count less the more they are.",
    )
    best_champion_days: int = Field(
        28,
        ge=0,
        le=365,
        description="Gate: the best champion of that many days is compared too, if it is another one; 0 turns it off.",
    )
    best_champion_margin: float = Field(
        0.02,
        ge=0,
        le=0.5,
        description="Gate: as champion_margin, for the best champion of the last days.",
    )
    max_feature_roc_auc: float = Field(
        0.94,
        gt=0.5,
        le=1.01,
        description="Gate: a single feature that ranks sessions with this ROC AUC or more (lower end of its interval) "
        "is treated as label leakage; 1.01 for no limit.",
    )
    max_feature_certainty: float = Field(
        0.8,
        gt=0,
        le=1,
        description="Gate: a value of a feature with which at least this share of sessions buys (lower end of its "
        "interval) is treated as label leakage, a larger one where over 9 % of all sessions buy; 1 for no limit.",
    )
    min_feature_persistence: float = Field(
        0.4,
        ge=0,
        le=1,
        description="Gate: share of its ROC AUC above 0.5 that a strong feature must keep on prefixes of sessions; a "
        "page after the purchase keeps none. 0 for no limit.",
    )
    champion_precision_margin: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Gate: non-inferiority margin of average precision, as a share of the champion's.",
    )
    max_calibration_ratio: float = Field(
        1.2,
        gt=1,
        le=100,
        description="Gate: the 95 % interval of mean forecast / prevalence must overlap 1 / this to this, for the "
        "session model (whole sessions and beginnings of sessions) and the item model.",
    )
    progress_min_positives: int = Field(
        20,
        ge=1,
        description="Gate: groups by events so far with fewer examples of buying sessions, or of others, are skipped.",
    )
    max_progress_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Gate: in each group by events so far, the upper bound of the ROC AUC difference to the Markov "
        "baseline must be at least minus this.",
    )
    min_progress_roc_auc: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Gate: in the worst group by events so far, the lower bound of ROC AUC must exceed this.",
    )
    progress_floor_positives: int = Field(
        100, ge=1, description="Gate: groups with fewer positives or negatives are skipped by `min_progress_roc_auc`."
    )
    min_item_positives: int = Field(
        20,
        ge=1,
        description="Gate: with fewer bought pairs in the holdout, the item model is neither judged nor served.",
    )
    min_item_roc_auc: float = Field(
        0.6, ge=0, le=1, description="Gate: the lower bound of the item model's ROC AUC must exceed this."
    )
    bootstrap_resamples: int = Field(
        1000, ge=100, le=100_000, description="Bootstrap resamples per confidence interval."
    )
