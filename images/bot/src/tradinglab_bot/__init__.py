"""Trades one market on the forecasts of the API."""
