"""Lets the market go on bar by bar when told: `POST /_market` with `{"bars": n}`.

Registered by the application only when the setting STEPPED is true. The answer comes when those
bars were played, so that whoever asks knows what had happened before and what had not.
"""

import asyncio

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PATH = "/_market"


class Step(BaseModel):
    """The body of `POST /_market`."""

    model_config = ConfigDict(extra="forbid")

    bars: int = Field(1, ge=1, description="how many bars are played, the one in progress first")


class Steps:
    """The player awaits `turn` before each bar and reports `played` after it."""

    def __init__(self) -> None:
        self._left, self._over = 0, False
        self._changed = asyncio.Condition()

    def routes(self) -> list[web.RouteDef]:
        return [web.post(PATH, self._asked)]

    async def _asked(self, request: web.Request) -> web.Response:
        try:
            step = Step.model_validate_json(await request.read() or b"{}")
        except ValidationError as error:
            return web.json_response({"error": str(error)}, status=400)
        async with self._changed:
            self._left += step.bars
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._left == 0 or self._over)
        return web.json_response({"ended": self._over})

    async def turn(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._left > 0)

    async def played(self) -> None:
        async with self._changed:
            self._left -= 1
            self._changed.notify_all()

    async def ended(self) -> None:
        """There are no bars left to wait for."""
        async with self._changed:
            self._over = True
            self._changed.notify_all()
