"""Typed access to a request's parameters, refusing what is missing or malformed.

Used by every operation; REST query strings, form bodies and WebSocket params look the same here.
"""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from tradinglab_exchange.errors import ApiError, illegal_parameter, missing_parameter

Params = Mapping[str, str]
Choice = TypeVar("Choice", bound=StrEnum)
_CLIENT_ID = re.compile(r"^[\\.A-Z:/a-z0-9_-]{1,36}$")
_DECIMAL = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")


def required(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise missing_parameter(name)
    return value


def integer(params: Params, name: str) -> int | None:
    text = params.get(name)
    if text is None or text == "":
        return None
    if not re.fullmatch(r"\d{1,20}", text):
        raise illegal_parameter(name, "^[0-9]{1,20}$")
    return int(text)


def limit(params: Params, default: int, highest: int) -> int:
    """The number of rows asked for; more than allowed counts as the highest."""
    value = integer(params, "limit")
    if value is None:
        return default
    if value < 1:
        raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
    return min(value, highest)


def decimal(params: Params, name: str) -> Decimal | None:
    """Raises -1100 for what is no plain number and -1111 beyond eight places."""
    text = params.get(name)
    if text is None or text == "":
        return None
    if not _DECIMAL.match(text):
        raise illegal_parameter(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
    try:
        value = Decimal(text).normalize()
    except InvalidOperation:
        raise missing_parameter(name) from None
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -8:
        raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
    return value + 0


def required_decimal(params: Params, name: str) -> Decimal:
    value = decimal(params, name)
    if value is None:
        raise missing_parameter(name)
    return value


def choice(params: Params, name: str, kind: type[Choice], refusal: ApiError) -> Choice:
    text = required(params, name)
    try:
        return kind(text)
    except ValueError:
        raise refusal from None


def client_id(params: Params, name: str) -> str | None:
    text = params.get(name)
    if text is None or text == "":
        return None
    if not _CLIENT_ID.match(text):
        raise illegal_parameter(name, "^[a-zA-Z0-9-_]{1,36}$")
    return text
