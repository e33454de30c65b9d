"""Kind, stage and intent of a journey: the evidence for them."""
