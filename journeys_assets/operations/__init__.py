"""What people ask of a deployment. Returns values, prints nothing."""
