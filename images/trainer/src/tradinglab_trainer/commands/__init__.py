"""The commands of `tradinglab-trainer`: each says its arguments at once and imports what it needs
only when it runs."""
