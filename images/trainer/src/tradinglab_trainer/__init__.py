"""Trains one artifact: fetches bars, fits, judges and stores it."""
