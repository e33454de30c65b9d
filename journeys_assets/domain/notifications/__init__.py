"""Who is notified about which journey, when, and why not about the others."""
