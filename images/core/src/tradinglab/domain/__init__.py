"""The nouns of trading, free of I/O, clocks and frameworks."""
