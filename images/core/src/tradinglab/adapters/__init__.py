"""Adapters: the only modules that speak to disks, exchanges, HTTP and Telegram."""
