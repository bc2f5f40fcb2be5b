"""People who write to the bot, and what they see of it: the stand-in, in the test's own process."""

import asyncio
import threading
import time
from typing import Any

from tests.stand_ins.telegram_stand_in import DEFAULT_TOKEN, make_server, pressed, said

CHAT = 4242
STRANGER = 666


class People:
    """Writes to the bot and reads what it sends. `root` is the Bot API's address."""

    def __init__(self, **options: Any) -> None:
        self._server = make_server("127.0.0.1", 0, **options)
        self.messages = self._server.RequestHandlerClass.messages
        self.updates = self._server.RequestHandlerClass.updates
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.token = DEFAULT_TOKEN

    def __enter__(self) -> "People":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def say(self, text: str, chat: int = CHAT, **changes: Any) -> int:
        return self.updates.push(said({"chat_id": chat, "text": text, **changes}))

    def press(self, message: dict[str, Any], button: str, person: int | None = None) -> int:
        """`button` begins the text of the one that is pressed."""
        data = next(data for text, data in message["buttons"].items() if text.startswith(button))
        chat = message["chat"]["id"]
        document = {"chat_id": chat, "message_id": message["message_id"], "data": data}
        return self.updates.push(pressed({**document, "from": person or chat}))

    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages.received()]

    async def reply(self, beginning: str, after: int = 0, seconds: float = 20) -> dict[str, Any]:
        """The first message from number `after` on that begins so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self.messages.received()[after:]:
                if message["text"].startswith(beginning):
                    return message
            await asyncio.sleep(0.02)
        raise AssertionError(f"no message begins {beginning!r}: {self.texts()[after:]}")

    async def ask(self, text: str, beginning: str = "", chat: int = CHAT) -> dict[str, Any]:
        """Says something and waits for what answers it; no alert may come in between."""
        after = len(self.messages.received())
        self.say(text, chat)
        return await self.reply(beginning, after)
