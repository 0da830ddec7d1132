"""The columns shared by all events of a session: visitor, place and device."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from leapline.snowplow.self_describing import CONTEXTS_CLOSE
from leapline.snowplow.tsv import SPAN, join_fields, uuids
from leapline.synthetic import planted, wide_contexts
from leapline.synthetic.visitors import BOT_AGENT, BOT_KNOWN, TOWNS, Visits

Ints = npt.NDArray[np.int64]

_IAB = (
    '{{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{{"schema":'
    '"iglu:com.iab.snowplow/spiders_and_robots/jsonschema/1-0-0","data":{{"spiderOrRobot":{},"category":"{}","reason":"{}",'
    '"primaryImpact":"{}"}}}}'
)
_BROWSER = _IAB.format("false", "BROWSER", "PASSED_ALL", "NONE")
_SPIDER = _IAB.format("true", "SPIDER_OR_ROBOT", "FAILED_UA_INCLUDE", "PAGE_AND_AD_IMPRESSIONS")

_DEVICES: Final = json.loads(Path(__file__).with_name("devices.json").read_text())
"""Four devices of each kind: computers, phones, tablets."""
_BOT_AGENT: Final = "Mozilla/5.0 (compatible; Examplebot/2.1; +http://bots.example/about)"


def session_columns(visits: Visits, wide: bool = False) -> dict[str, Any]:
    """Return the columns of sessions.

    Args:
        visits: the sessions.
        wide: whether to add the contexts that enrichments of large sites derive from the device.

    Returns:
        Field or `first:last` -> pyarrow string array with one value per session.
    """
    anonymous = pa.array(visits.anonymous)
    user = pc.if_else(anonymous, "", uuids(visits.visitor_id))
    visitor = {
        "user_id": pa.array(["" if c < 0 else planted.email(c) for c in visits.login.tolist()]),
        "user_ipaddress": pa.array([f"{planted.IP_PREFIX}{o}" for o in visits.octet.tolist()]),
        "user_fingerprint": pa.array([f"{planted.FINGERPRINT}{o:02d}" for o in (visits.octet % 100).tolist()]),
        "domain_userid": user,
        "domain_sessionidx": pc.if_else(anonymous, "", pa.array(visits.session_index).cast(pa.string())),
        "network_userid": pc.if_else(anonymous, "", uuids(visits.visitor_id[:, ::-1])),
        f"geo_country{SPAN}ip_netspeed": pa.array([_town(t) for t in range(TOWNS)]).take(pa.array(visits.town)),
    }
    spider = np.isin(visits.bot, (BOT_KNOWN, BOT_AGENT))
    agent = np.where(spider, len(_DEVICES), visits.agent)
    return {
        f"user_id{SPAN}ip_netspeed": join_fields(visitor, "user_id", "ip_netspeed"),
        f"useragent{SPAN}doc_height": pa.array([*map(_device, _DEVICES), _bot()]).take(pa.array(agent)),
        "domain_sessionid": pc.if_else(anonymous, "", uuids(visits.session_id)),
        "derived_contexts": _derived(wide).take(pa.array(2 * visits.agent + (visits.bot == BOT_KNOWN))),
    }


def _derived(wide: bool) -> Any:
    """Return the derived contexts of each device, for visitors and for known bots."""
    further = [wide_contexts.device_contexts(device) if wide else "" for device in _DEVICES]
    return pa.array([f"{iab}{more}{CONTEXTS_CLOSE}" for more in further for iab in (_BROWSER, _SPIDER)])


def session_ids(visits: Visits) -> list[str]:
    """Return each session's `domain_sessionid`, as in its events."""
    ids: list[str] = uuids(visits.session_id).to_pylist()
    return ids


def _town(number: int) -> str:
    place = {
        "geo_country": "DE",
        "geo_region": f"R{number % 4}",
        "geo_city": f"{planted.TOWN}-{number}",
        "geo_zipcode": f"{planted.ZIP}{number}",
        "geo_latitude": f"{48 + number / 3:.4f}",
        "geo_longitude": f"{8 + number / 2:.4f}",
        "geo_region_name": f"Region {number % 4}",
        "ip_isp": planted.PROVIDER,
        "ip_organization": planted.PROVIDER,
        "ip_domain": planted.PROVIDER,
        "ip_netspeed": "Cable/DSL",
    }
    return str(join_fields(place, "geo_country", "ip_netspeed"))


def _device(model: dict[str, Any]) -> str:
    wide, high = model["screen"]
    plugins = {
        f"br_features_{name}": "0"
        for name in ["flash", "java", "director", "quicktime", "realplayer", "windowsmedia", "gears", "silverlight"]
    }
    device = {
        "useragent": f"{model['agent']} {planted.AGENT}",
        "br_name": model["browser"],
        "br_family": model["browser"].split()[0],
        "br_type": "Browser",
        "br_lang": "de-DE",
        "br_features_pdf": "1",
        "br_cookies": "1",
        "br_colordepth": "24",
        "br_viewwidth": str(wide),
        "br_viewheight": str(high - 120),
        "os_name": model["system"],
        "os_family": model["system"],
        "os_timezone": "Europe/Berlin",
        "dvce_type": model["kind"],
        "dvce_ismobile": "0" if model["kind"] == "Computer" else "1",
        "dvce_screenwidth": str(wide),
        "dvce_screenheight": str(high),
        "doc_charset": "UTF-8",
        "doc_width": str(wide),
        "doc_height": str(high * 3),
    }
    return str(join_fields(device | plugins, "useragent", "doc_height"))


def _bot() -> str:
    robot = {
        "useragent": f"{_BOT_AGENT} {planted.AGENT}",
        "br_name": "Robot/Spider",
        "br_type": "Robot",
        "dvce_type": "Computer",
    }
    return str(join_fields(robot, "useragent", "doc_height"))
