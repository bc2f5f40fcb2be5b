"""Every recorded REST exchange and every recorded frame, each with the kind of message it is."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from tests.contract.exchange_messages import MESSAGES

FRAME_FILES = (
    "misc/frames.jsonl",
    "cryptofeed/binance_ws_frames.jsonl",
    "crypto_msg_parser/binance_frames.jsonl",
)
PLACED = "POST /api/v3/order 200"
# What the files without request and status hold.
BARE_FILES = {
    "cryptofeed/*depth*.json": "GET /api/v3/depth 200",
    "cryptofeed/*exchangeInfo.json": "GET /api/v3/exchangeInfo 200",
    "doc_shaped/*exchange_info.json": "GET /api/v3/exchangeInfo 200",
    "doc_shaped/*klines.json": "GET /api/v3/klines 200",
    "doc_shaped/*account.json": "GET /api/v3/account 200",
    "python_binance_testnet/btcusdt_symbol_info_testnet.json": "entry of exchangeInfo's symbols",
}


@dataclass(frozen=True)
class Recording:
    """One answer of the real exchange; `query` is what was asked for, where that is known."""

    file: str
    kind: str
    body: Any
    query: dict[str, str]
    status: int = 200


def _recording(
    file: str, method: str, url: str, query: str, status: int, body: str | bytes
) -> Recording:
    path = urlsplit(url).path.replace("/api/v1/", "/api/v3/")
    shape = json.loads(body)
    kind = f"{method.upper()} {path} {status}"
    if isinstance(shape, list) and path.startswith("/api/v3/ticker"):
        kind += " of all symbols"
    return Recording(file, kind, shape, dict(parse_qsl(query)), status)


def _raw_frames() -> Iterator[dict[str, Any]]:
    for name in FRAME_FILES:
        for line in (MESSAGES / name).read_text().splitlines():
            yield json.loads(json.loads(line)["raw"])


def rest() -> dict[str, list[Recording]]:
    """By kind."""
    found = defaultdict(list)
    for file in sorted(MESSAGES.glob("binance_ex/*.json")):
        for one in json.loads(file.read_text()):
            made = _recording(
                file.name, one["method"], one["url"], one["query"], one["status"], one["body"]
            )
            found[made.kind].append(made)
    for file in sorted(MESSAGES.glob("mwlang/*.yml")):
        one = yaml.safe_load(file.read_text())
        asked, answer = one["request"], one["response"]
        made = _recording(
            file.name,
            asked["method"],
            asked["uri"],
            asked["query_params"] or "",
            answer["status"],
            answer["body"],
        )
        found[made.kind].append(made)
    for frame in _raw_frames():
        if "orderId" in frame:
            found[PLACED].append(Recording(FRAME_FILES[0], PLACED, frame, {}))
    for pattern, kind in BARE_FILES.items():
        for file in sorted(MESSAGES.glob(pattern)):
            found[kind].append(Recording(file.name, kind, json.loads(file.read_text()), {}))
    return dict(found)


def _market(data: dict[str, Any]) -> str:
    """Spot, or what else the name of the symbol or the length of the prices tells."""
    if "_" in str(data.get("s", "")) or "ps" in data or data.get("e") == "markPriceUpdate":
        return "derivatives"
    if "lastUpdateId" in data and "E" in data:
        return "derivatives"
    price = data["k"]["o"] if "k" in data else data.get("p", data.get("b"))
    if isinstance(price, list):
        price = price[0][0] if price else "0.00000000"
    return "spot" if len(str(price).partition(".")[2]) == 8 or "bids" in data else "derivatives"


def _frame_kind(frame: dict[str, Any]) -> str:
    data = frame.get("data", frame)
    stream = str(frame.get("stream", "")).partition("@")[2] or str(frame.get("stream", ""))
    if isinstance(data, list):
        return f"derivatives {stream}"
    shape = "depth20" if "lastUpdateId" in data else "bookTicker"
    name = data.get("e") or stream or shape
    return f"{_market(data)} {name}"


def frames() -> dict[str, list[dict[str, Any]]]:
    """By kind, each with the stream it came from if that is known."""
    found = defaultdict(list)
    for frame in _raw_frames():
        if "orderId" not in frame:
            found[_frame_kind(frame)].append(frame)
    return dict(found)
