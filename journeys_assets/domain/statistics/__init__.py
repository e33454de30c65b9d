"""Agreement of partitions, and intervals by resampling."""
