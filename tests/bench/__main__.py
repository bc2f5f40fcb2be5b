"""Runs every benchmark; each prints its figures beside a peer timed in the same run.

The figures of all stand in `build/bench.json`; the table of them comes last.
"""

from tests.bench import (
    api_bench,
    bot_bench,
    default_training_bench,
    features_bench,
    operator_bench,
    predictor_bench,
    training_bench,
)
from tests.bench.results import table

if __name__ == "__main__":
    features_bench.main([])
    predictor_bench.main()
    api_bench.main([])
    operator_bench.main([])
    bot_bench.main([])
    training_bench.main([])
    default_training_bench.main([])
    print("\n" + table())
