"""What every table and every landing file holds."""
