"""Bodies that no client should send: correct ones spoilt in a way that the seed decides.

Used by the tests of what the API withstands.
"""

import copy
import gzip
import io
import json
import random
from dataclasses import dataclass

import numpy as np

JSON, NPY = "application/json", "application/x-npy"
ODD_VALUES = (
    float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 5e-324, 0, -0.0, -1, 10**400, 2**63,
    "", "1.5", "\x00", "\ud800", None, True, False, [], {}, [[]], {"a": 1}, "x" * 10_000,
)  # fmt: skip
ODD_TYPES = ("text/plain", "", "application/xml", "application/json; charset=utf-16", "multipart/x")
MANY = 20_000


@dataclass(frozen=True)
class Spoilt:
    """One request to be sent; `how` names what was done to it."""

    how: str
    method: str
    path: str
    content: bytes
    content_type: str
    coding: str | None = None


class Mutations:
    """`row`, `history`: correct documents; `records`: a correct npy body."""

    def __init__(self, seed: int, row: dict, history: dict, records: bytes) -> None:
        self._random = random.Random(seed)
        self._records = records
        self._routes = (
            ("POST", "/v1/streams/spoilt", row),
            ("PUT", "/v1/streams/spoilt", history),
            ("POST", "/v1/forecast", history),
            ("POST", "/v1/forecasts", {"inputs": [history]}),
        )
        self._ways = [
            getattr(self, name) for name in sorted(dir(self)) if name.startswith("_spoil_")
        ]

    def next(self) -> Spoilt:
        way = self._random.choice(self._ways)
        method, path, document = self._random.choice(self._routes)
        content, content_type, coding = way(document)
        if content_type == NPY:
            method, path = "POST", "/v1/forecasts"
        how = way.__name__.removeprefix("_spoil_")
        return Spoilt(how, method, path, content, content_type, coding)

    def _spoil_value(self, document):
        spoilt = copy.deepcopy(document)
        holder, key = self._place(spoilt)
        holder[key] = self._random.choice(ODD_VALUES)
        return self._encoded(spoilt), JSON, None

    def _spoil_rank(self, document):
        spoilt = copy.deepcopy(document)
        holder, key = self._place(spoilt)
        value = holder[key]
        deeper = [value] if self._random.random() < 0.5 else {"0": value}
        holder[key] = value[0] if isinstance(value, list) and value else deeper
        return self._encoded(spoilt), JSON, None

    def _spoil_length(self, document):
        spoilt = copy.deepcopy(document)
        holder, key = self._place(spoilt)
        if isinstance(holder, list) and self._random.random() < 0.5:
            holder.insert(key, holder[key])
        else:
            del holder[key]
        return self._encoded(spoilt), JSON, None

    def _spoil_fields(self, document):
        more = {f"field{i}": i for i in range(self._random.choice((1, 3, MANY)))}
        return self._encoded(document | more), JSON, None

    def _spoil_bytes(self, document):
        content = bytearray(self._encoded(document))
        for _ in range(self._random.randint(1, 8)):
            content[self._random.randrange(len(content))] = self._random.randrange(256)
        return bytes(content), JSON, None

    def _spoil_end(self, document):
        content = self._encoded(document)
        cut = content[: self._random.randrange(len(content))]
        return self._random.choice((cut, content + b"}", content * 2, b"")), JSON, None

    def _spoil_nesting(self, _):
        depth = self._random.choice((60, 300, 100_000))
        opening = self._random.choice((b"[", b'{"snapshots":', b'{"inputs":[', b'{"snapshot":['))
        return opening * depth, JSON, None

    def _spoil_type(self, document):
        return self._encoded(document), self._random.choice(ODD_TYPES), None

    def _spoil_coding(self, document):
        content = gzip.compress(self._encoded(document), 1)
        spoilt = bytearray(content)
        spoilt[self._random.randrange(len(spoilt))] ^= 255
        coding = self._random.choice(("gzip", "br", "deflate", "gzip, gzip"))
        return self._random.choice((bytes(spoilt), content[:40], b"")), JSON, coding

    def _spoil_swelling(self, _):
        return gzip.compress(b"[" * (20 << 20), 1), JSON, "gzip"

    def _spoil_records(self, _):
        content = bytearray(self._records)
        end = self._random.choice((200, len(content)))
        for _ in range(self._random.randint(1, 6)):
            content[self._random.randrange(end)] = self._random.randrange(256)
        return bytes(content), NPY, None

    def _spoil_array(self, _):
        shape = [self._random.randrange(3) for _ in range(self._random.randrange(5))]
        kind = self._random.choice(("<f8", "<i4", "?", "U3", "datetime64[s]", "<c16"))
        content = io.BytesIO()
        np.save(content, np.zeros(shape, kind), allow_pickle=False)
        return content.getvalue(), NPY, None

    def _place(self, document):
        """A random holder and key within: biased to the surface, where the structure is."""
        holder, key = document, self._random.choice(list(document))
        while isinstance(holder[key], list) and holder[key] and self._random.random() < 0.7:
            holder, key = holder[key], self._random.randrange(len(holder[key]))
            if isinstance(holder[key], dict):
                holder, key = holder[key], self._random.choice(list(holder[key]))
        return holder, key

    @staticmethod
    def _encoded(document) -> bytes:
        return json.dumps(document).encode()
