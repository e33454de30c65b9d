"""Key-value stores: content by version, one of which is current, swapped as a whole."""
