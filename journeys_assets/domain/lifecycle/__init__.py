"""Evidence for the kind, the stage and the intent of a journey."""
