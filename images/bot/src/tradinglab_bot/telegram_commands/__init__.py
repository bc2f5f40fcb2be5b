"""Telegram's commands: what people ask the bot, and what they may change. Started by the bot."""
