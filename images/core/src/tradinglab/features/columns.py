"""Names and numbers of the snapshot, for those who read snapshots without computing any.

Imports nothing but numpy: the API holds neither pandas nor `ta` in memory.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

BAR_COLUMNS: Final = ("open", "high", "low", "close", "volume")
SNAPSHOT_COLUMNS: Final = (
    *BAR_COLUMNS, "rsi", "macd", "bb_high", "bb_low", "atr", "obv", "adx",
)  # fmt: skip
CLOSE, VOLUME = SNAPSHOT_COLUMNS.index("close"), SNAPSHOT_COLUMNS.index("volume")
SMOOTHING_BARS: Final = 14
FIRST_COMPLETE_ROW: Final = 2 * SMOOTHING_BARS - 1
