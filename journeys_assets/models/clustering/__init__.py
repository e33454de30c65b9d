"""The learned cut of the clustering: how it is fitted. ``domain.clustering.cut`` holds the result."""
