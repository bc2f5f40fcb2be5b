"""GET /healthz and /readyz over HTTP. Started by the bot when it has an address to listen on."""

from collections.abc import Callable

from aiohttp import web

Problems = Callable[[], list[str]]


async def serve(address: str, unhealthy: Problems, unready: Problems) -> web.AppRunner:
    """200 with `ok`, or 503 with what is wrong, one problem a line."""

    def handler(problems: Problems) -> Callable[[web.Request], object]:
        async def answer(_: web.Request) -> web.Response:
            found = problems()
            return web.Response(text="\n".join(found) or "ok", status=503 if found else 200)

        return answer

    application = web.Application()
    application.router.add_get("/healthz", handler(unhealthy))  # type: ignore[arg-type]
    application.router.add_get("/readyz", handler(unready))  # type: ignore[arg-type]
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = address.rpartition(":")
    await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    return runner
