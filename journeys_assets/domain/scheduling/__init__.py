"""Which days to run next."""
