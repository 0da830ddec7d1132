"""The scoring benchmark as Markdown and as a plot."""

from pathlib import Path
from typing import Any

from leapline.evaluation.document import Heading, Table, Text, to_markdown

NAMES = {
    "leapline": "Leapline's scorer",
    "onnx": "ONNX Runtime",
    "tl2cgen": "treelite and tl2cgen (C code)",
    "sklearn": "scikit-learn",
    "jpmml": "JPMML evaluator",
    "spark": "Spark",
}


def markdown(results: dict[str, Any]) -> str:
    """Return the report of `benchmarks.scoring` as Markdown."""
    machine, forest = results["machine"], results["forest"]
    conversions = "; ".join(f"{NAMES[name]}: {text}" for name, text in results["whole_pipeline"].items())
    return to_markdown(
        [
            Heading("Scoring benchmark", 1),
            Text(
                f"`make bench` on {machine['cores']} cores of {machine['processor']}, one core per server, with "
                f"a forest of {forest['trees']} trees of depth {forest['depth']}."
            ),
            Heading("Model only"),
            _model_only(results["model_only"]),
            Text(
                "`forest` is the model of the comparison below. `mixed` has 60 trees and 60 columns, numbers and "
                "categories, which are indexed, one-hot encoded and scaled."
            ),
            *_many_rows(results["model_only"]),
            Heading("HTTP, one row per request"),
            _http(results["http"]),
            Heading("Compared with alternatives"),
            _peers(results["peers"]),
            Text(f"Conversion of `mixed`, strings included: {conversions}."),
            *(Text(note) for note in results.get("notes", ())),  # written by hand about results of several runs
        ]
    )


def _model_only(models: dict[str, Any]) -> Table:
    rows = [
        (name, f"{m['p50_ns'] / 1e3:.2f} µs", f"{m['p99_ns'] / 1e3:.2f} µs", m["allocs_per_row"],
         f"{m['batch_rows_per_s']:,.0f}")
        for name, m in models.items()
    ]  # fmt: skip
    return Table(("pipeline", "one row, median", "p99", "allocations", "rows/s in batches"), rows)


def _many_rows(models: dict[str, Any]) -> list[Heading | Text | Table]:
    """Return the section about vector instructions; nothing for results from before they were used."""
    rates = {name: m["batch_rows_per_cpu_s"] for name, m in models.items() if "batch_rows_per_cpu_s" in m}
    if not rates:
        return []
    levels = [level for level in ("none", "avx2", "avx512") if all(level in rate for rate in rates.values())]
    rows = [
        [name, *(f"{rate[level]:,.0f} ({rate[level] / rate['none']:.1f})" for level in levels)]
        for name, rate in rates.items()
    ]
    return [
        Heading("Many rows at once"),
        Table(["pipeline", *levels], rows),
        Text(
            "Rows per second of processor time on one core, from inputs in memory to the final columns, with the "
            "vector instructions of `SCORER_SIMD`; in brackets relative to `none`, which scores row by row. The "
            "instructions take turns in one process, and the fastest of 15 batches counts."
        ),
    ]


def _http(http: dict[str, Any]) -> Table:
    one, rate, full, large = (http[key] for key in ("one_connection", "constant_rate", "saturation", "start_large"))
    return Table(
        ["", "bare handler", "scorer", "ratio"],
        [
            ["one connection, median", f"{one['bare']['p50_us']:.0f} µs", f"{one['scorer']['p50_us']:.0f} µs",
             f"{one['ratio_p50']:.2f}"],
            [f"{rate['requests_per_second']} requests/s, p99", f"{rate['bare']['p99_us']:.0f} µs",
             f"{rate['scorer']['p99_us']:.0f} µs", f"{rate['scorer']['p99_us'] / rate['bare']['p99_us']:.2f}"],
            [f"{full['connections']} connections, requests/s", f"{full['bare_requests_per_second']:,.0f}",
             f"{full['scorer_requests_per_second']:,.0f}", f"{full['ratio']:.2f}"],
            *_start(http["start"], ""),
            *_start(large, f", bundle of {large['bundle_bytes'] / 1e6:.1f} MB, {large['trees']} trees"),
            *_signed_start(http),
        ],
    )  # fmt: skip


def _signed_start(http: dict[str, Any]) -> list[list[str]]:
    """Return the row about a start with verification of the signature; none in results from before it was measured."""
    signed = http.get("start_signed")
    return [[*_start(signed, ", the same, signed")[0]]] if signed else []


def _start(start: dict[str, Any], suffix: str) -> list[list[str]]:
    memory = start["memory_bytes_after_requests"]["resident"]
    return [
        [f"start to ready{suffix}", "", f"{start['ready_ms_median']:.0f} ms", ""],
        [f"resident memory{suffix}", "", f"{memory / 2**20:.0f} MB", ""],
    ]


def _peers(peers: dict[str, Any]) -> Table:
    leapline = peers["leapline"]["one_row_p50_us"]

    def row(name: str, p: dict[str, Any]) -> list[str]:
        one, tail = p["one_row_p50_us"], p["one_row_p99_us"]
        return [
            NAMES[name], _duration(one), _duration(tail), f"{one / leapline:,.0f}", f"{p['batch_rows_per_s']:,.0f}",
            f"{p['start_s']:.2f} s", f"{p['memory_bytes'] / 2**20:,.0f} MB", f"{p['artefact_bytes'] / 2**20:.1f} MB",
            _difference(p["greatest_difference"]),
        ]  # fmt: skip

    return Table(
        [
            "",
            "one row, median",
            "p99",
            "relative to Leapline",
            "10,000 rows, rows/s",
            "start",
            "memory",
            "file",
            "difference from Spark",
        ],
        [row(name, p) for name, p in sorted(peers.items(), key=lambda item: item[1]["one_row_p50_us"])],
    )


def _duration(microseconds: float) -> str:
    if microseconds < 100:
        return f"{microseconds:.1f} µs"
    return f"{microseconds:,.0f} µs" if microseconds < 1e4 else f"{microseconds / 1e3:,.0f} ms"


def _difference(value: float | None) -> str:
    return "another forest" if value is None else "0" if value == 0 else f"{value:.0e}"


def plot(results: dict[str, Any], path: Path) -> None:
    """Draw the median time for one row, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    peers = sorted(results["peers"].items(), key=lambda item: -item[1]["one_row_p50_us"])
    figure, axes = plt.subplots(figsize=(7, 2.6), dpi=150)
    times = [p["one_row_p50_us"] for _, p in peers]
    bars = axes.barh([NAMES[name] for name, _ in peers], times, color=["#9aa5b1"] * (len(peers) - 1) + ["#0b7285"])
    axes.bar_label(bars, [_duration(time) for time in times], padding=4, fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(0.3, max(times) * 12)
    axes.set_xlabel("time for one row, microseconds (log scale; median, one core)", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
