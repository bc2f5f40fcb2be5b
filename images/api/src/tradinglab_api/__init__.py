"""Serves the forecasts of one artifact over HTTP."""
