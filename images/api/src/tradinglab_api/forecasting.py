"""The routes that forecast: one history, many, and streams. Registered by the application."""

import logging
import time
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from flask import Response, request
from pydantic import ValidationError

from tradinglab.domain.forecast import ServedForecasts
from tradinglab.logs import fields
from tradinglab.predictor import Outputs, Predictor
from tradinglab_api.binary import NPY, decode_records
from tradinglab_api.bodies import JSON, answered, media_type, received
from tradinglab_api.decoding import ComponentWindows, Decoder, RawWindows
from tradinglab_api.documents import STREAM_NAME, WIDTH, Space, encoded
from tradinglab_api.frame import ID_KEY, STARTED_KEY, Environ
from tradinglab_api.metrics import Metrics
from tradinglab_api.operations import ATTENTION, SPACE
from tradinglab_api.problems import unavailable, unprocessable
from tradinglab_api.serving import Service
from tradinglab_api.streams import NetworkInput, Streams

log = logging.getLogger(__name__)

TRUTH: Final = {"true": True, "false": False}


class Forecasting:
    """One method a route, named as its operation."""

    def __init__(
        self, service: Service, streams: Streams | None, metrics: Metrics, max_body_bytes: int
    ) -> None:
        self._service = service
        self._streams = streams
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        predictor = service.predictor
        self._decoder = Decoder(predictor.facts) if predictor else None

    def forecast(self) -> Response:
        predictor, decoder, _ = self._serving()
        query = _query(request.environ, ATTENTION)
        windows = decoder.one(received(request.environ, self._max_body_bytes, JSON))
        return self._forecasts(predictor, windows, _attention(query))

    def forecast_many(self) -> Response:
        predictor, decoder, _ = self._serving()
        query = _query(request.environ, ATTENTION, SPACE)
        body = received(request.environ, self._max_body_bytes, JSON, NPY)
        if media_type(request.environ) == NPY:
            facts = predictor.facts
            shapes = {
                Space.RAW: (facts.lookback_bars, WIDTH),
                Space.COMPONENTS: (facts.window_bars, facts.component_count or 0),
            }
            windows = decode_records(body, decoder, shapes, _space(query))
        elif SPACE in query:
            raise unprocessable(SPACE, query[SPACE], f"absent with {JSON}: each input has its own")
        else:
            windows = decoder.many(body)
        return self._forecasts(predictor, windows, _attention(query))

    def begin_stream(self, stream: str) -> Response:
        predictor, decoder, streams = self._serving()
        attention = _attention(_query(request.environ, ATTENTION))
        name = _stream_name(stream)
        time_, rows = decoder.history(received(request.environ, self._max_body_bytes, JSON))
        decoded = time.perf_counter()
        window = streams.replace(name, time_, rows)
        made = self._of_stream(request.environ, predictor, window, time_, attention, decoded)
        return answered(request, made, predictor.facts.digest)

    def continue_stream(self, stream: str) -> Response:
        made = self.continued(request.environ, stream)
        return answered(request, made, self._serving()[0].facts.digest)

    def continued(self, environ: Environ, stream: str) -> bytes:
        """The answer's document; knows nothing of Flask, so that the shortcut may call it."""
        predictor, decoder, streams = self._serving()
        attention = _attention(_query(environ, ATTENTION))
        name = _stream_name(stream)
        time_, row = decoder.next_row(received(environ, self._max_body_bytes, JSON))
        decoded = time.perf_counter()
        window = streams.extend(name, time_, row)
        return self._of_stream(environ, predictor, window, time_, attention, decoded)

    def show_stream(self, stream: str) -> Response:
        _, _, streams = self._serving()
        return answered(request, encoded(streams.state(_stream_name(stream))))

    def forget_stream(self, stream: str) -> Response:
        _, _, streams = self._serving()
        streams.forget(_stream_name(stream))
        return Response(status=HTTPStatus.NO_CONTENT)

    def model(self) -> Response:
        facts = self._serving()[0].facts
        response = answered(request, encoded(facts), facts.digest)
        response.set_etag(facts.digest)
        response.make_conditional(request)
        return response

    def _serving(self) -> tuple[Predictor, Decoder, Streams]:
        predictor = self._service.predictor
        if predictor is None or self._decoder is None or self._streams is None:
            raise unavailable(self._service.reason)
        return predictor, self._decoder, self._streams

    def _forecasts(
        self, predictor: Predictor, windows: RawWindows | ComponentWindows, attention: bool
    ) -> Response:
        decoded = time.perf_counter()
        if isinstance(windows, RawWindows):
            shape = windows.snapshots.shape
            outputs = predictor.outputs(windows.snapshots)
        else:
            shape = windows.components.shape
            outputs = predictor.outputs_of_windows(windows.components, windows.baseline)
        space = Space.RAW if isinstance(windows, RawWindows) else Space.COMPONENTS
        times = windows.bar_open_times
        stages = (space, shape, decoded, decoded)
        made = self._encoded(request.environ, predictor, outputs, times, attention, stages)
        return answered(request, made, predictor.facts.digest)

    def _of_stream(
        self,
        environ: Environ,
        predictor: Predictor,
        window: NetworkInput,
        bar_open_time: int,
        attention: bool,
        decoded: float,
    ) -> bytes:
        prepared = time.perf_counter()
        outputs = predictor.outputs_of_windows(*window)
        stages = (Space.RAW, window[0].shape, decoded, prepared)
        return self._encoded(environ, predictor, outputs, [bar_open_time], attention, stages)

    def _encoded(
        self,
        environ: Environ,
        predictor: Predictor,
        outputs: Outputs,
        times: list[int],
        attention: bool,
        stages: tuple[Space, tuple[int, ...], float, float],
    ) -> bytes:
        space, shape, decoded, prepared = stages
        computed = time.perf_counter()
        made = encoded(_served(predictor, outputs, times, attention))
        self._metrics.forecast_given(len(times))
        if log.isEnabledFor(logging.DEBUG):
            bars = predictor.facts.window_bars
            length = predictor.pipeline.bar_milliseconds
            log.debug(
                "forecast made",
                extra=fields(
                    request_id=environ[ID_KEY],
                    shape=shape,
                    space=space.value,
                    pca="applied" if space is Space.RAW else "not applied",
                    window=f"{times[0] - (bars - 1) * length}..{times[-1]}",
                    decode_milliseconds=_milliseconds(environ[STARTED_KEY], decoded),
                    window_milliseconds=_milliseconds(decoded, prepared),
                    model_milliseconds=_milliseconds(prepared, computed),
                    encode_milliseconds=_milliseconds(computed, time.perf_counter()),
                ),
            )
        return made


def _served(
    predictor: Predictor, outputs: Outputs, times: list[int], attention: bool
) -> ServedForecasts:
    try:
        return predictor.served(outputs, times, attention)
    except ValidationError as error:
        first = error.errors()[0]
        raise unprocessable(
            "snapshots",
            None,
            "snapshots that give a forecast",
            f"these snapshots give no forecast: {'.'.join(map(str, first['loc']))} "
            f"would be {first['input']}: {first['msg']}",
        ) from None


def _query(environ: Environ, *known: str) -> dict[str, str]:
    """The query's parameters. Raises Problem that names an unknown one."""
    text = environ.get("QUERY_STRING")
    if not text:
        return {}
    found = dict(parse_qsl(text, keep_blank_values=True))
    for name in found:
        if name not in known:
            raise unprocessable(
                name,
                found[name],
                "absent",
                f"the query has {name}, expected only {', '.join(known)}",
            )
    return found


def _attention(query: dict[str, str]) -> bool:
    given = query.get(ATTENTION, "false")
    if given not in TRUTH:
        raise unprocessable(ATTENTION, given, "true or false")
    return TRUTH[given]


def _space(query: dict[str, str]) -> Space | None:
    given = query.get(SPACE)
    if given is not None and given not in list(Space):
        raise unprocessable(SPACE, given, " or ".join(Space))
    return Space(given) if given else None


def _stream_name(stream: str) -> str:
    if not STREAM_NAME.fullmatch(stream):
        raise unprocessable("stream", stream, "1 to 64 letters, digits or . _ : -")
    return stream


def _milliseconds(begun: float, ended: float) -> float:
    return round((ended - begun) * 1000, 3)
