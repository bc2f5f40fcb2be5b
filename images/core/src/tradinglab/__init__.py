"""The shared library of tradinglab: one implementation of each truth, used by every program."""
