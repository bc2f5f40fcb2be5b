"""The error tree, divided by what the caller does next.

Every module of the library raises from it; only programs' entry points turn it into exit
statuses, HTTP statuses and conditions.

    TradinglabError
    ├── InputError            fix what was given, then try again
    │   ├── ConfigurationError    an environment variable or resource field
    │   ├── DataError             bars that are torn, too few or impossible
    │   └── ArtifactError         a file of an artifact that is missing or differs
    ├── RetryLater            nothing to fix here: the same call may succeed later
    │   ├── ExchangeUnavailable
    │   ├── ForecastUnavailable
    │   └── StorageError          disk full, read-only or gone
    ├── TrainingDiverged      a fit whose numbers are not finite: change seed or limits
    ├── OrderRejected         the exchange refused this order; do not send it again
    └── HaltTrading           state or data is in doubt: place no order
"""


class TradinglabError(Exception):
    """Base of all. `reason` is a CamelCase word for conditions and alerts."""

    exit_status = 1

    @property
    def reason(self) -> str:
        return type(self).__name__


class InputError(TradinglabError):
    """The caller must fix its input."""

    exit_status = 2


class ConfigurationError(InputError):
    """A setting or resource field is unknown or out of range."""


class DataError(InputError):
    """Bars or snapshots are torn, too few or impossible."""


class ArtifactError(InputError):
    """An artifact's file is missing, unexpected or differs from its manifest."""


class RetryLater(TradinglabError):
    """The same call may succeed later."""

    exit_status = 3


class ExchangeUnavailable(RetryLater):
    """The exchange did not answer, or answered that it cannot."""


class ForecastUnavailable(RetryLater):
    """The API has no forecast to give now."""


class StorageError(RetryLater):
    """The disk is full, read-only or gone."""


class TrainingDiverged(TradinglabError):
    """A fit ended in numbers that are not finite; another seed or smaller limits may not."""


class OrderRejected(TradinglabError):
    """The exchange refused an order; sending it again would be refused again."""


class HaltTrading(TradinglabError):
    """State or data is in doubt: no order until a person or a reconciliation clears it."""
