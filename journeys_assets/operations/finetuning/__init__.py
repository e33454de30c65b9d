"""The steps of the fine-tuning recipe: labels, training, model card. ``evaluation.finetuned`` measures the result."""
