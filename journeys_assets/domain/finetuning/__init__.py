"""What a small language model is taught: which topics it learns from, which it is measured on, and which pairs."""
