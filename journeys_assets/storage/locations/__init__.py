"""Where logs lie: folders, buckets, web addresses and databases. Whatever lies elsewhere is copied here, then read."""
