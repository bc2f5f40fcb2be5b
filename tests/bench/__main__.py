"""Runs every benchmark; each prints its figures beside a peer timed in the same run."""

from tests.bench import api_bench, features_bench, predictor_bench

if __name__ == "__main__":
    features_bench.main([])
    predictor_bench.main()
    api_bench.main([])
