"""When orders fill inside a bar, at what price, and what that costs: the one fill model.

Pure functions of prices; used by the exchange simulator, and meant for every other replay of bars.
"""
