"""The exchange's JSON documents as our types. Used by the broker and the history adapter.

Source: Binance spot API documentation (REST: exchangeInfo, account, orders, myTrades, klines;
streams: kline).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from tradinglab.domain.bar import Bar
from tradinglab.domain.filters import PriceBand, QuantityRange, SymbolRules
from tradinglab.domain.order import Balance, Fill, OrderReport, OrderStatus, Side
from tradinglab.errors import DataError
from tradinglab.ports.broker import Account
from tradinglab.ports.market_data import StreamedBar

ZERO = Decimal(0)


def symbol_rules(document: Mapping[str, Any], symbol: str) -> SymbolRules:
    """Raises DataError when exchangeInfo lacks the symbol or a filter every symbol has."""
    rows = [row for row in document.get("symbols", []) if row.get("symbol") == symbol]
    if not rows:
        raise DataError(f"exchangeInfo names no symbol {symbol}")
    row = rows[0]
    filters = {item["filterType"]: item for item in row["filters"]}
    for needed in ("PRICE_FILTER", "LOT_SIZE"):
        if needed not in filters:
            raise DataError(f"exchangeInfo of {symbol} lacks the filter {needed}")
    price = filters["PRICE_FILTER"]
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    maximum = notional.get("maxNotional")
    return SymbolRules(
        symbol=symbol,
        base=row["baseAsset"],
        quote=row["quoteAsset"],
        tick=Decimal(price["tickSize"]),
        minimum_price=Decimal(price["minPrice"]),
        maximum_price=Decimal(price["maxPrice"]),
        lot=_range(filters["LOT_SIZE"]),
        market_lot=_range(filters["MARKET_LOT_SIZE"]) if "MARKET_LOT_SIZE" in filters else None,
        minimum_notional=Decimal(notional.get("minNotional", "0")),
        maximum_notional=None if maximum is None else Decimal(maximum),
        band=_band(filters.get("PERCENT_PRICE_BY_SIDE")),
        trading=row["status"] == "TRADING",
    )


def _range(item: Mapping[str, str]) -> QuantityRange:
    return QuantityRange(
        Decimal(item["minQty"]), Decimal(item["maxQty"]), Decimal(item["stepSize"])
    )


def _band(item: Mapping[str, str] | None) -> PriceBand | None:
    if item is None:
        return None
    return PriceBand(
        bid_down=Decimal(item["bidMultiplierDown"]),
        bid_up=Decimal(item["bidMultiplierUp"]),
        ask_down=Decimal(item["askMultiplierDown"]),
        ask_up=Decimal(item["askMultiplierUp"]),
    )


def account(document: Mapping[str, Any]) -> Account:
    rates = document["commissionRates"]
    return Account(
        balances={
            row["asset"]: Balance(Decimal(row["free"]), Decimal(row["locked"]))
            for row in document["balances"]
        },
        taker_fee=float(rates["taker"]),
        uid=str(document.get("uid", "")),
    )


def order_report(row: Mapping[str, Any], list_client_id: str | None = None) -> OrderReport:
    stop = Decimal(row.get("stopPrice") or "0")
    return OrderReport(
        client_id=row["clientOrderId"],
        exchange_id=int(row["orderId"]),
        list_client_id=list_client_id,
        side=Side(row["side"]),
        type=row["type"],
        status=OrderStatus(row["status"]),
        quantity=Decimal(row["origQty"]),
        executed_quantity=Decimal(row["executedQty"]),
        price=Decimal(row["price"]),
        stop_price=stop if stop > ZERO else None,
    )


def list_reports(document: Mapping[str, Any]) -> tuple[OrderReport, ...]:
    name = document["listClientOrderId"]
    return tuple(order_report(row, name) for row in document["orderReports"])


def fill(row: Mapping[str, Any]) -> Fill:
    return Fill(
        trade_id=int(row["id"]),
        exchange_order_id=int(row["orderId"]),
        side=Side.BUY if row["isBuyer"] else Side.SELL,
        price=Decimal(row["price"]),
        quantity=Decimal(row["qty"]),
        commission=Decimal(row["commission"]),
        commission_asset=row["commissionAsset"],
        time=int(row["time"]),
        is_maker=bool(row["isMaker"]),
    )


def kline_bar(row: Sequence[Any]) -> Bar:
    """A row of `GET klines`."""
    return Bar(int(row[0]), *(float(value) for value in row[1:6])).verified()


def streamed_bar(document: Mapping[str, Any]) -> StreamedBar | None:
    """None for a frame that is not a kline (answers to subscriptions)."""
    if document.get("e") != "kline":
        return None
    kline = document["k"]
    values = (float(kline[name]) for name in ("o", "h", "l", "c", "v"))
    return StreamedBar(
        Bar(int(kline["t"]), *values).verified(), bool(kline["x"]), int(document["E"])
    )
