"""Agreement of partitions, and resampling."""
