"""Found before the real program of this name: see main."""
