"""What the exchange says of the key, of commissions and of the public trades."""

import json
from collections.abc import Iterator

import ccxt
import pytest
import websockets
from tests.exchange.running import Program, ccxt_client, exchange, subscribe_request

PAIR = {"symbol": "BTCUSDT"}
MARKET_BUY = {**PAIR, "side": "BUY", "type": "MARKET", "quantity": "0.01"}


@pytest.fixture(scope="module")
def discounted() -> Iterator[Program]:
    with exchange(
        pay_fees_in_bnb="true",
        bnb_balance="0.001",
        key_may_withdraw="true",
        half_spread_bps="0",
        slippage_bps="10",
    ) as program:
        yield program


def restrictions(program: Program) -> dict[str, bool]:
    client = ccxt_client(program)
    client.urls["api"]["sapi"] = f"{program.rest}/sapi/v1"
    return client.sapi_get_account_apirestrictions()


def test_key_cannot_withdraw_by_default(still: Program) -> None:
    said = restrictions(still)
    assert said["enableReading"] and said["enableSpotAndMarginTrading"]
    assert not said["enableWithdrawals"]


def test_key_that_may_withdraw_says_so(discounted: Program) -> None:
    assert restrictions(discounted)["enableWithdrawals"]


def test_restrictions_are_told_only_to_the_keys_owner(still: Program) -> None:
    assert still.get("/sapi/v1/account/apiRestrictions", timestamp=1)["code"] == -2014


def test_key_without_permission_reads_but_does_not_trade() -> None:
    with exchange(key_may_trade="false") as program:
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            ccxt_client(program).create_order("BTC/USDT", "market", "buy", 0.001)
        assert ccxt_client(program).fetch_balance()["USDT"]["total"] > 0
        assert not restrictions(program)["enableSpotAndMarginTrading"]


def test_commission_of_the_account(discounted: Program, still: Program) -> None:
    said = discounted.signed("GET", "account/commission", **PAIR)
    assert said["standardCommission"]["taker"] == "0.00100000"
    assert said["discount"] == {
        "enabledForAccount": True,
        "enabledForSymbol": True,
        "discountAsset": "BNB",
        "discount": "0.75000000",
    }
    said = still.signed("GET", "account/commission", **PAIR)
    assert not said["discount"]["enabledForAccount"]


def test_test_order_tells_its_commission_when_asked(still: Program) -> None:
    said = still.signed("POST", "order/test", **MARKET_BUY, computeCommissionRates="true")
    assert said["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}
    assert still.signed("GET", "myTrades", **PAIR) == []


def test_fee_is_taken_in_bnb_and_slippage_from_the_price(discounted: Program) -> None:
    last = float(discounted.get("/api/v3/ticker/price", **PAIR)["price"])
    done = discounted.signed("POST", "order", **MARKET_BUY)
    fill = done["fills"][0]
    assert float(fill["price"]) == pytest.approx(1.001 * last, rel=1e-6)
    assert fill["commissionAsset"] == "BNB"
    assert float(fill["commission"]) == pytest.approx(
        float(done["cummulativeQuoteQty"]) * 0.001 * 0.75 / 600, abs=1e-8
    )
    balances = {b["asset"]: b["free"] for b in discounted.signed("GET", "account")["balances"]}
    assert balances["BTC"] == "0.01000000"


def test_public_trades_are_paged_by_id(still: Program) -> None:
    latest = still.get("/api/v3/trades", **PAIR, limit=5)
    assert len(latest) == 5
    ids = [trade["id"] for trade in latest]
    assert ids == list(range(ids[0], ids[0] + 5))
    again = still.get("/api/v3/historicalTrades", **PAIR, fromId=ids[1], limit=3)
    assert [trade["id"] for trade in again] == ids[1:4]
    aggregates = still.get("/api/v3/aggTrades", **PAIR, limit=1)
    assert aggregates[0]["l"] == ids[-1]


async def test_end_of_a_subscription_is_told() -> None:
    with exchange() as program:
        async with websockets.connect(f"{program.socket}/ws-api/v3") as socket:
            await socket.send(subscribe_request())
            await socket.recv()
            await socket.send(json.dumps({"id": 2, "method": "userDataStream.unsubscribe"}))
            ended = json.loads(await socket.recv())
            answer = json.loads(await socket.recv())
    assert ended["subscriptionId"] == 0
    assert ended["event"]["e"] == "eventStreamTerminated"
    assert (answer["id"], answer["status"], answer["result"]) == (2, 200, {})
