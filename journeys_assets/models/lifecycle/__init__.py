"""The model of P(ended)."""
