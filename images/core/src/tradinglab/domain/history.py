"""How much history features and trainings need.

Named once for the resource's rules, which know no arrays, the features and the trainer.
"""

from typing import Final

RECURSION_WARM_UP_BARS: Final = 500  # after so many the start no longer matters (1e-14 relative)
HAR_DAYS: Final = (1, 7, 30)
LEAST_USABLE_BARS: Final = 1500
