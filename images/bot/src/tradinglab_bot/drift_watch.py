"""Watches the artifact in service: once a day of the market what came is compared with what its
training and gate knew; past a limit a training is asked for.

Called by the trader after each bar. Trading never waits for it long and never fails with it.
"""

import logging
import time

import numpy as np

from tradinglab.adapters.ledger import Ledger
from tradinglab.adapters.ledger.drift_record import Measurement, Outcome
from tradinglab.domain.drift import Drift
from tradinglab.domain.forecast import ModelFacts
from tradinglab.domain.market import MILLISECONDS, timeframe_milliseconds
from tradinglab.domain.reference import Reference
from tradinglab.errors import DataError, StorageError
from tradinglab.evaluation.drift import labels_that_came, measure_drift
from tradinglab.features.columns import SNAPSHOT_COLUMNS, FloatArray
from tradinglab.features.normaliser import NORMALISER_LOOKBACK_BARS, stationary
from tradinglab.logs import fields
from tradinglab.ports.training_requests import RequestNotTaken, TrainingRequests
from tradinglab.resource.training_request import TrainingRequest
from tradinglab_bot import story
from tradinglab_bot.window import Window

log = logging.getLogger(__name__)

DAY_MILLISECONDS = MILLISECONDS["d"]
ASK_AGAIN_SECONDS = 60.0


class DriftWatch:
    """`requests` None: drift is measured and told, but nobody is asked for a training."""

    def __init__(self, ledger: Ledger, requests: TrainingRequests | None) -> None:
        self._ledger = ledger
        self._requests = requests
        self._unwatched = ""
        self._last: Measurement | None = None
        self._ask_at = 0.0
        self._refused = False

    async def after_bar(self, bar_open_time: int, model: ModelFacts, window: Window) -> None:
        """Measures if the day is new; asks if there is something to ask for."""
        reference = model.reference
        if reference is None:
            if self._unwatched != model.digest:
                self._unwatched = model.digest
                log.info("no drift watch", extra=fields(why=f"{model.version} has no reference"))
            return
        try:
            if self._is_due(bar_open_time, model.digest):
                self._measure(bar_open_time, model, reference, window)
            await self._ask()
        except (DataError, StorageError) as error:
            log.warning("drift not measured", extra=fields(why=str(error)))
        except Exception:
            log.exception("drift not measured")  # a defect here must not stop trading

    def _is_due(self, bar_open_time: int, digest: str) -> bool:
        if self._last is None or self._last.digest != digest:
            self._last = self._ledger.drift.last(digest)
            self._ask_at, self._refused = 0.0, False
        if self._last is None:
            return True
        return bar_open_time // DAY_MILLISECONDS > self._last.bar_open_time // DAY_MILLISECONDS

    def _measure(
        self, bar_open_time: int, model: ModelFacts, reference: Reference, window: Window
    ) -> None:
        record, before = self._ledger.drift, self._last
        came = outcomes_in(window, model, reference)
        rows = rows_since(window, model.data_end)
        with self._ledger.transaction():
            waiting = record.without_outcome(model.digest)
            record.record_outcomes(each for each in came if each.bar_open_time in waiting)
            realised = record.realised(model.digest)
            drift = measure_drift(
                reference,
                rows,
                np.array([each.probabilities for each in realised]).reshape(-1, 4),
                np.array([each.class_index for each in realised], np.int64),
                model.decision.horizon_bars,
            )
            measurement = Measurement(bar_open_time, model.digest, drift)
            record.add(measurement)
            changed = before is None or before.drift.state is not drift.state
            if changed and drift.asks_for_training:
                asking = self._requests is not None
                self._ledger.add_alert("drift", story.drift_alert(model.version, drift, asking))
        self._last = measurement
        if changed:
            _tell(model.version, drift)
        else:
            log.debug("drift measured", extra=fields(state=drift.state, reason=drift.reason))

    async def _ask(self) -> None:
        """Once for each artifact; while the request is not taken, again every minute."""
        last, requests = self._last, self._requests
        if last is None or requests is None or not last.drift.asks_for_training:
            return
        record = self._ledger.drift
        if time.monotonic() < self._ask_at or record.was_asked(last.digest):
            return
        try:
            await requests.ask(TrainingRequest(last.digest, last.drift.reason))
        except RequestNotTaken as error:
            self._ask_at = time.monotonic() + ASK_AGAIN_SECONDS
            if not self._refused:
                log.warning("a training cannot be asked for", extra=fields(why=str(error)))
            self._refused = True
            return
        with self._ledger.transaction():
            record.mark_asked(last.digest, last.drift.reason)
        log.info("asked for a training", extra=fields(digest=last.digest))


def outcomes_in(window: Window, model: ModelFacts, reference: Reference) -> list[Outcome]:
    """What came of every bar of the window, as far as its horizon is over and has no hole."""
    times, close = window.closes()
    horizon, bar = model.decision.horizon_bars, timeframe_milliseconds(model.timeframe)
    labels = labels_that_came(reference, close, bar, horizon)
    whole = np.zeros(len(times), bool)
    whole[:-horizon] = times[horizon:] - times[:-horizon] == horizon * bar
    return [
        Outcome(int(times[row]), float(labels.standardised[row]), int(labels.classes[row]))
        for row in np.flatnonzero(whole & (labels.classes >= 0))
    ]


def rows_since(window: Window, data_end: int) -> FloatArray:
    """The stationary rows of the window's bars that the training did not see."""
    snapshots = window.snapshots()
    if snapshots is None:
        return np.empty((0, len(SNAPSHOT_COLUMNS)))
    times = window.closes()[0][-len(snapshots) :]
    complete = np.arange(len(times)) >= NORMALISER_LOOKBACK_BARS
    return stationary(snapshots)[complete & (times > data_end)]


def _tell(version: str, drift: Drift) -> None:
    log.info(
        f"drift: {drift.state.value}",
        extra=fields(version=version, why=drift.reason, bars=drift.bars, forecasts=drift.forecasts),
    )
