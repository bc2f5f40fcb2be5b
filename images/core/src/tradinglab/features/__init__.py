"""Features, labels, normalisation: one implementation for training, serving and backtest."""
