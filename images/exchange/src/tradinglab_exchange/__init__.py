"""A spot exchange that speaks Binance's protocol over real sockets."""
