"""The one base class of every error that a user may see: the command line catches it and prints its message."""


class JourneysError(Exception):
    """Something is wrong that a user can mend. The message names what, where, and the cure."""
