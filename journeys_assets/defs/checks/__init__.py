"""Asset checks: contracts that block, and quality monitors that warn."""
