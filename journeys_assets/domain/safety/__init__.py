"""Which texts must not be used for targeting: categories, lexicon, policy and decision."""
