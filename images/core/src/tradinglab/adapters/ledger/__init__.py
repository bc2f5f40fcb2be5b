"""The ledger: every decision, intent, order, fill, trade, equity point and alert, in SQLite."""

from tradinglab.adapters.ledger.ledger import Ledger
from tradinglab.adapters.ledger.summary import LedgerSummary, read_summary

__all__ = ["Ledger", "LedgerSummary", "read_summary"]
