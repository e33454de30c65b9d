"""Questions to the warehouse, one module per topic."""
