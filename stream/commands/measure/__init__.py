"""Commands that measure: quality on a file or with simulated shoppers, speed, exactness."""
