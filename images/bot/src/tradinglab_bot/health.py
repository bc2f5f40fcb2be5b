"""GET /healthz, /readyz and /metrics over HTTP.

Started by the bot when it has an address to listen on.
"""

from collections.abc import Callable

from aiohttp import web

Problems = Callable[[], list[str]]
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


async def serve(
    address: str, unhealthy: Problems, unready: Problems, metrics: Callable[[], str]
) -> web.AppRunner:
    """200 with `ok`, or 503 with what is wrong, one problem a line."""

    def handler(problems: Problems) -> Callable[[web.Request], object]:
        async def answer(_: web.Request) -> web.Response:
            found = problems()
            return web.Response(text="\n".join(found) or "ok", status=503 if found else 200)

        return answer

    async def measured(_: web.Request) -> web.Response:
        return web.Response(text=metrics(), headers={"Content-Type": METRICS_TYPE})

    application = web.Application()
    application.router.add_get("/metrics", measured)
    application.router.add_get("/healthz", handler(unhealthy))  # type: ignore[arg-type]
    application.router.add_get("/readyz", handler(unready))  # type: ignore[arg-type]
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    return runner
