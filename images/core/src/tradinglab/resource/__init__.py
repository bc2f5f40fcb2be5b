"""The TradingModel resource: its spec, its status and the CRD they become."""
