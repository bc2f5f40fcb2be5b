"""Trains, judges and rolls out what a TradingModel describes."""
