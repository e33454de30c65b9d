"""What the pipeline is compared with."""
