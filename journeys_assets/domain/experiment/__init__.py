"""Analysis of the notification experiment."""
