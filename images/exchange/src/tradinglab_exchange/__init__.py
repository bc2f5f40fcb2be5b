"""A spot exchange that speaks the Binance REST and WebSocket protocol over real sockets.

Market data is replayed from recorded bars, generated from a seed, or mirrored from another
exchange of the same protocol. Orders, balances, fees and filters are its own.

Connecting ccxt (sync or async) needs only base URLs and options::

    client = ccxt.binance({
        "apiKey": "demo", "secret": "demo-secret",
        "options": {
            "fetchCurrencies": False,
            "fetchMargins": False,
            "fetchMarkets": {"types": ["spot"]},
            "adjustForTimeDifference": True,
        },
    })
    client.urls["api"]["public"] = client.urls["api"]["private"] = "http://127.0.0.1:8090/api/v3"

Streams: `ws://HOST:PORT/ws/btcusdt@kline_1h`, `ws://HOST:PORT/stream?streams=a/b`; account
events: `userDataStream.subscribe.signature` on `ws://HOST:PORT/ws-api/v3`.

Two clocks. The market clock (bar, order and trade times, every event's `E`) is that of the
played bars and may run fast or lie in the past. The server clock (`/api/v3/time`, the check of a
signed request's timestamp) is this machine's.
"""
