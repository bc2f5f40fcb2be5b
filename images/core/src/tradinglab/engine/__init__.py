"""The decision engine: pure functions from state, bar and forecast to a decision."""
