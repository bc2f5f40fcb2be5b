"""The one traded pair: its names and rules, and how exchangeInfo shows them.

Used by the filters, the matching engine and the exchangeInfo operation.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradinglab_exchange.money import written

ORDER_TYPES = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)


class SymbolStatus(StrEnum):
    """The trading phase: halted for a while, or out of trading (delisted)."""

    TRADING = "TRADING"
    HALT = "HALT"
    BREAK = "BREAK"


@dataclass(frozen=True, slots=True)
class Instrument:
    """Rules of a pair; the defaults are those of BTC/USDT."""

    base: str
    quote: str
    tick_size: Decimal = Decimal("0.01")
    max_price: Decimal = Decimal(1_000_000)
    step_size: Decimal = Decimal("0.00001")
    max_quantity: Decimal = Decimal(9_000)
    max_market_quantity: Decimal = Decimal(120)
    min_notional: Decimal = Decimal(5)
    max_notional: Decimal = Decimal(9_000_000)
    price_multiplier_up: Decimal = Decimal(5)
    price_multiplier_down: Decimal = Decimal("0.2")
    max_orders: int = 200
    max_order_lists: int = 20
    max_algo_orders: int = 5

    @property
    def symbol(self) -> str:
        return self.base + self.quote


def _filters(instrument: Instrument) -> list[dict[str, object]]:
    up, down = f"{instrument.price_multiplier_up:f}", f"{instrument.price_multiplier_down:f}"
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": written(instrument.tick_size),
            "maxPrice": written(instrument.max_price),
            "tickSize": written(instrument.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": written(instrument.step_size),
            "maxQty": written(instrument.max_quantity),
            "stepSize": written(instrument.step_size),
        },
        {"filterType": "ICEBERG_PARTS", "limit": 100},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": written(0),
            "maxQty": written(instrument.max_market_quantity),
            "stepSize": written(0),
        },
        {
            "filterType": "TRAILING_DELTA",
            "minTrailingAboveDelta": 10,
            "maxTrailingAboveDelta": 2000,
            "minTrailingBelowDelta": 10,
            "maxTrailingBelowDelta": 2000,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": up,
            "bidMultiplierDown": down,
            "askMultiplierUp": up,
            "askMultiplierDown": down,
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": written(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": written(instrument.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.max_orders},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": instrument.max_order_lists},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": instrument.max_algo_orders},
        {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 10},
    ]


def symbol_document(instrument: Instrument, status: SymbolStatus) -> dict[str, object]:
    """The pair's entry in `GET /api/v3/exchangeInfo`."""
    return {
        "symbol": instrument.symbol,
        "status": status.value,
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }
