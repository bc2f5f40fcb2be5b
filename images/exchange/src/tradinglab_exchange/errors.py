"""The exchange's own refusals: a code, a message and the HTTP status they travel with.

Raised by operations and the matching engine, turned into JSON by the REST and WebSocket layers.
Codes and messages follow the exchange's document "Error codes for Binance".
"""


class ApiError(Exception):
    """One refused request."""

    def __init__(
        self, code: int, message: str, status: int = 400, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after_seconds = retry_after_seconds

    def document(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message}


def missing_parameter(name: str) -> ApiError:
    return ApiError(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def illegal_parameter(name: str, legal: str) -> ApiError:
    return ApiError(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def filter_failure(name: str) -> ApiError:
    return ApiError(-1013, f"Filter failure: {name}")


def order_rejected(message: str) -> ApiError:
    return ApiError(-2010, message)


def insufficient_balance() -> ApiError:
    return order_rejected("Account has insufficient balance for requested action.")


def market_closed() -> ApiError:
    """The pair is not in trading: halted or delisted."""
    return ApiError(-1013, "Market is closed.")


def unknown_order_to_cancel() -> ApiError:
    return ApiError(-2011, "Unknown order sent.")


def no_such_order() -> ApiError:
    return ApiError(-2013, "Order does not exist.")
