"""Texts cut to what one message may hold. Used by the Telegram adapter and by the outbox."""

from typing import Final

TEXT_LIMIT: Final = 4096  # Bot API, sendMessage; counted here in UTF-16 units, never too few
CAPTION_LIMIT: Final = 1024  # Bot API, sendPhoto
PART_LIMIT: Final = 4
SHORTENED: Final = "\n… (shortened)"


def message_parts(text: str) -> list[str]:
    """`text` in messages of at most TEXT_LIMIT, cut after a line or a word where there is one.

    Joined they are the text again, unless it needs more than PART_LIMIT: then the last one says
    that it was shortened. An empty text needs a sign, because Telegram refuses it.
    """
    if not text.strip():
        return ["(empty message)"]
    parts: list[str] = []
    while length(text) > TEXT_LIMIT:
        if len(parts) == PART_LIMIT - 1:
            parts.append(text[: fitting(text, TEXT_LIMIT - length(SHORTENED))] + SHORTENED)
            return parts
        end = fitting(text, TEXT_LIMIT)
        for separator in ("\n", " "):
            found = text.rfind(separator, end // 2, end)
            if found > 0 and text[: found + 1].strip() and text[found + 1 :].strip():
                end = found + 1
                break
        parts.append(text[:end])
        text = text[end:]
    parts.append(text)
    return parts


def length(text: str) -> int:
    """In UTF-16 units, as Telegram counts: an emoji counts two."""
    return len(text) + sum(character > "\uffff" for character in text)


def fitting(text: str, limit: int) -> int:
    """How many characters of `text` fit into `limit` UTF-16 units."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return index
    return len(text)
