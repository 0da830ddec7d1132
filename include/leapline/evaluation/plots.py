"""Plots of a model and of the history, as PNG and SVG; equal numbers are drawn as equal bytes."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leapline.evaluation.metrics import Curves, Metrics
from leapline.formatting import count, interval, percent, score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = ("roc", "precision_recall", "scores", "importances")
_BLUE, _ORANGE, _GREY, _INK = "#2563a8", "#d9822b", "#9aa5b1", "#243b53"
STYLE = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 11,
    "font.family": "DejaVu Sans",
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _GREY,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "svg.hashsalt": "leapline",
    "svg.fonttype": "path",
}


def draw(
    folder: Path, title: str, metrics: Metrics, curves: Curves | None, importances: Mapping[str, float]
) -> list[Path]:
    """Draw the plots of a model.

    Args:
        folder: of the files; created if missing.
        title: appended to each plot's title, such as the model's data day.
        metrics: for the numbers in legends.
        curves: None leaves out the plots of them.
        importances: feature -> share; empty leaves out that plot.

    Returns:
        The written files: `<name>.png` and `<name>.svg` for the names of `NAMES`.
    """
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figures: dict[str, Figure] = {}
        if curves is not None:
            figures["roc"] = _roc(title, metrics, curves)
            figures["precision_recall"] = _precision_recall(title, metrics, curves)
            figures["scores"] = _scores(title, curves)
        if importances:
            figures["importances"] = _importances(title, importances)
        return [path for name, figure in figures.items() for path in _save(figure, folder / name)]


def draw_history(days: Sequence[Mapping[str, Any]]) -> dict[str, bytes]:
    """Draw ROC AUC by data day with its intervals, refused days in another colour.

    Args:
        days: `data_day` (ISO), `roc_auc`, `roc_auc_low`, `roc_auc_high` (or None), `result`.

    Returns:
        File name -> content; empty if no day has a ROC AUC.
    """
    import matplotlib

    measured = [day for day in days if day["roc_auc"] is not None]
    if not measured:
        return {}
    with matplotlib.rc_context(STYLE):
        figure = _history(measured)
        return {f"roc_auc.{form}": _bytes(figure, form) for form in ("png", "svg")}


def _history(days: Sequence[Mapping[str, Any]]) -> "Figure":
    figure, [axes] = _figure(max(5.6, min(14.0, 2.4 + 0.45 * len(days))), 4.4)
    positions = range(len(days))
    for x, day in zip(positions, days, strict=True):
        if day["roc_auc_low"] is not None:
            axes.plot([x, x], [day["roc_auc_low"], day["roc_auc_high"]], color=_GREY, linewidth=2, zorder=1)
    for refused, colour, label in ((False, _BLUE, "passed"), (True, _ORANGE, "refused")):
        chosen = [x for x in positions if days[x]["result"].endswith("refused") == refused]
        if chosen:
            axes.scatter(chosen, [days[x]["roc_auc"] for x in chosen], color=colour, label=label, zorder=2)
    axes.set_xticks(positions, [day["data_day"] for day in days], rotation=60, ha="right", fontsize=9)
    axes.set_ylabel("ROC AUC, 95 % interval")
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_title("ROC AUC by data day")
    axes.legend(loc="best")
    return figure


def _bytes(figure: "Figure", form: str) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=form, metadata={"Software": None} if form == "png" else {"Date": None, "Creator": None})
    return out.getvalue()


def _save(figure: "Figure", stem: Path) -> list[Path]:
    files = [stem.with_suffix(f".{form}") for form in ("png", "svg")]
    for file in files:
        file.write_bytes(_bytes(figure, file.suffix[1:]))
    return files


def _figure(width: float, height: float, panels: int = 1) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, [figure.add_subplot(1, panels, i + 1) for i in range(panels)]


def _roc(title: str, metrics: Metrics, curves: Curves) -> "Figure":
    figure, [axes] = _figure(5.6, 5.2)
    around = f" ({interval(metrics.roc_auc_interval)})" if metrics.roc_auc_interval else ""
    label = f"ROC AUC {score(metrics.roc_auc)}{around}"
    axes.plot(curves.roc["fpr"], curves.roc["tpr"], color=_BLUE, linewidth=2, label=label)
    axes.fill_between(curves.roc["fpr"], curves.roc["tpr"], color=_BLUE, alpha=0.08, linewidth=0)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="no skill")
    _square(axes, "false positive rate", "true positive rate")
    axes.set_title(f"ROC curve, {title}")
    axes.legend(loc="lower right")
    return figure


def _precision_recall(title: str, metrics: Metrics, curves: Curves) -> "Figure":
    figure, [axes] = _figure(5.6, 5.2)
    recall, precision = curves.precision_recall["recall"], curves.precision_recall["precision"]
    label = f"average precision {score(metrics.average_precision)}"
    axes.step(recall, precision, where="pre", color=_BLUE, linewidth=2, label=label)
    prevalence = f"prevalence {percent(metrics.prevalence)}"
    axes.axhline(metrics.prevalence or 0, color=_GREY, linestyle="--", linewidth=1, label=prevalence)
    _square(axes, "recall", "precision")
    axes.set_title(f"Precision and recall, {title}")
    axes.legend(loc="upper right")
    return figure


def _scores(title: str, curves: Curves) -> "Figure":
    figure, [left, right] = _figure(10.4, 4.6, panels=2)
    edges = curves.histogram["edges"]
    for key, name, colour in (("others", "no purchase", _GREY), ("buyers", "purchase", _ORANGE)):
        sizes = curves.histogram[key]
        shares = [size / max(sum(sizes), 1) for size in sizes]
        label = f"{name} ({count(int(sum(sizes)))} sessions)"
        left.stairs(shares, edges, fill=True, color=colour, alpha=0.55, label=label)
    left.set(xlabel="uncalibrated score", ylabel="share of the class", xlim=(0, 1))
    left.set_ylim(top=left.get_ylim()[1] * 1.2)  # room for the legend
    left.set_title(f"Scores, {title}")
    left.legend(loc="upper right")
    forecast, observed = curves.reliability["forecast"], curves.reliability["observed"]
    top = max(*forecast, *observed) * 1.08 or 1.0
    right.plot([0, top], [0, top], color=_GREY, linestyle="--", linewidth=1, label="perfect calibration")
    right.plot(forecast, observed, color=_BLUE, marker="o", linewidth=1.5, label="10 bins of equal size")
    right.set(xlabel="calibrated probability", ylabel="share of buying sessions", xlim=(0, top), ylim=(0, top))
    right.set_title("Reliability")
    right.legend(loc="upper left")
    return figure


def _importances(title: str, importances: Mapping[str, float], most: int = 20) -> "Figure":
    from matplotlib.ticker import PercentFormatter

    shown = sorted(importances.items(), key=lambda item: (item[1], item[0]))[-most:]
    figure, [axes] = _figure(7.2, 1.2 + 0.29 * len(shown))
    bars = axes.barh([name for name, _ in shown], [value for _, value in shown], color=_BLUE, height=0.7)
    axes.bar_label(bars, labels=[percent(value) for _, value in shown], padding=3, fontsize=9)
    omitted = len(importances) - len(shown)
    more = f" ({omitted} less important features not shown)" if omitted > 0 else ""
    axes.set(xlabel=f"share of the impurity decrease{more}", xlim=(0, max(importances.values()) * 1.15 or 1))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"Feature importance, {title}")
    return figure


def _square(axes: "Axes", x: str, y: str) -> None:
    limits: dict[str, Any] = {"xlim": (-0.01, 1.01), "ylim": (-0.01, 1.01)}
    axes.set(xlabel=x, ylabel=y, aspect="equal", **limits)
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
