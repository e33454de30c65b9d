"""Fine-tuning of a small causal language model on answers to the questions that this project asks."""
