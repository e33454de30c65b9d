"""Reading out the notification experiment."""
