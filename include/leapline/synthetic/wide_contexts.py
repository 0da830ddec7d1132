"""Further contexts, as trackers and enrichments of large sites add them: page timings, browser, experiments, device.

With them a line has about 6 kB instead of 1.7 kB. Leapline reads none of them; they show what it costs to skip them.
The schemas are those of Snowplow's JavaScript tracker and of its enrichments `ua_parser` and `yauaa`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa

from leapline.snowplow import self_describing as sd

PAGES: Final = 2048
"""Number of distinct values of the contexts of pages."""

_NAVIGATION: Final = (
    "startTime", "redirectStart", "redirectEnd", "fetchStart", "domainLookupStart", "domainLookupEnd", "connectStart",
    "secureConnectionStart", "connectEnd", "requestStart", "responseStart", "responseEnd", "unloadEventStart",
    "unloadEventEnd", "domInteractive", "domContentLoadedEventStart", "domContentLoadedEventEnd", "domComplete",
    "loadEventStart", "loadEventEnd", "workerStart", "activationStart", "firstInterimResponseStart",
)  # fmt: skip
_EXPERIMENTS: Final = ("free shipping banner", "checkout in one page", "recommendations below the fold", "dark header")


@cache
def page_contexts() -> Any:
    """Return contexts of pages, each after a comma: navigation timing, browser, experiments, content.

    Returns:
        pyarrow string array of length `PAGES`.
    """
    rng = np.random.default_rng(2048)
    times = np.sort(rng.gamma(2, 150, (PAGES, len(_NAVIGATION))), axis=1).round(1)
    sizes = rng.integers(5_000, 900_000, (PAGES, 3))
    groups = rng.integers(0, 3, (PAGES, len(_EXPERIMENTS)))
    return pa.array(
        [
            "".join(
                "," + text for text in (_navigation(row, size), _browser(*size), *_experiments(group), _content(row))
            )
            for row, size, group in zip(times.tolist(), sizes.tolist(), groups.tolist(), strict=True)
        ]
    )


def _navigation(times: list[float], sizes: list[int]) -> str:
    named = dict(zip(_NAVIGATION, times, strict=True))
    transfer, encoded, decoded = sizes
    return sd.entity(
        "iglu:org.w3/PerformanceNavigationTiming/jsonschema/1-0-0", entryType="navigation", duration=times[-1],
        initiatorType="navigation", nextHopProtocol="h2", deliveryType="", renderBlockingStatus="non-blocking",
        transferSize=transfer, encodedBodySize=encoded, decodedBodySize=decoded, responseStatus=200, redirectCount=0,
        type="navigate", **named,
    )  # fmt: skip


def _browser(width: int, height: int, depth: int) -> str:
    return sd.entity(
        "iglu:com.snowplowanalytics.snowplow/browser_context/jsonschema/2-0-0",
        viewport=f"{800 + width % 1200}x{500 + height % 700}", documentSize=f"{800 + width % 1200}x{height}",
        resolution="1920x1080", colorDepth=24, devicePixelRatio=1 + depth % 3, cookiesEnabled=True, online=True,
        browserLanguage="de-DE", documentLanguage="de", webdriver=False, deviceMemory=8, hardwareConcurrency=8,
        tabId=f"{width:08x}-{height:04x}-4{depth % 4096:03x}-8000-{width * height % 16**12:012x}",
    )  # fmt: skip


def _experiments(groups: list[int]) -> list[str]:
    return [
        sd.entity(
            "iglu:com.optimizely.optimizelyx/summary/jsonschema/1-0-0", experimentId=1_000_000 + number,
            variationName=f"{name}: {'control' if group == 0 else f'variant {group}'}", variation=2_000_000 + group,
            visitorId=None,
        )
        for number, (name, group) in enumerate(zip(_EXPERIMENTS, groups, strict=True))
    ]  # fmt: skip


def _content(times: list[float]) -> str:
    number = int(times[0] * 10)
    return sd.entity(
        "iglu:com.example.shop/page_content/jsonschema/2-1-0", template=f"template-{number % 17}", language="de",
        contentGroups=[f"group {number % 5}", f"season {number % 4}", "all visitors"], stock="available",
        recommendationEngine="v7", deliveryEstimate="2 to 3 working days", paymentMethods=["card", "invoice", "wallet"],
        releases={"frontend": f"2026.{number % 12}.3", "backend": "2026.2.18", "search": "8.4.1"},
    )  # fmt: skip


def device_contexts(device: Mapping[str, Any]) -> str:
    """Return the derived contexts of a device, each after a comma: what `ua_parser` and `yauaa` read from its agent."""
    return f",{_ua_parser(device)},{_yauaa(device)}"


def _ua_parser(device: Mapping[str, Any]) -> str:
    browser, system = device["browser"], device["system"]
    return sd.entity(
        "iglu:com.snowplowanalytics.snowplow/ua_parser_context/jsonschema/1-0-0", useragentFamily=browser,
        useragentMajor="144", useragentMinor="0", useragentPatch="0", useragentVersion=f"{browser} 144.0.0",
        osFamily=system, osMajor="15", osMinor="7", osPatch="3", osPatchMinor="0", osVersion=f"{system} 15.7.3",
        deviceFamily=device["kind"],
    )  # fmt: skip


def _yauaa(device: Mapping[str, Any]) -> str:
    browser, system, kind = device["browser"], device["system"], device["kind"]
    values = {"deviceClass": {"Computer": "Desktop", "Mobile": "Phone"}.get(kind, kind)}
    for part, name in (
        ("device", kind), ("operatingSystem", system), ("layoutEngine", "Blink"), ("agent", browser),
        ("webviewApp", "Unknown"), ("agentInformation", "Unknown"),
    ):  # fmt: skip
        values |= {
            f"{part}Name": name,
            f"{part}Version": "144.0.0.0",
            f"{part}VersionMajor": "144",
            f"{part}NameVersion": f"{name} 144.0.0.0",
            f"{part}NameVersionMajor": f"{name} 144",
            f"{part}VersionBuild": "7204.92",
        }
    return sd.entity("iglu:nl.basjes/yauaa_context/jsonschema/1-0-4", **values)
