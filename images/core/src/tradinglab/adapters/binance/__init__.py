"""Binance spot: orders and history through ccxt, bars through a WebSocket."""
