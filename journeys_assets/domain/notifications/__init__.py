"""Planning of notifications: who is notified about which journey and when, with a reason for every other journey."""
