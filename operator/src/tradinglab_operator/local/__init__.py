"""The embedded default: the same plan over child processes, without a cluster."""
