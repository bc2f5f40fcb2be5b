"""How forecasts are scored against what came: one implementation for trainer, bot and backtest."""
