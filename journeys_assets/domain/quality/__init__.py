"""Quality monitors."""
