"""Methods that the pipeline is compared with."""
