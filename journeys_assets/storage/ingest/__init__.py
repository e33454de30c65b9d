"""Loading log files into the warehouse."""
