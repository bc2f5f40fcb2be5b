"""One trained version as files: the contract between trainer, operator and API."""
