"""What stops a start: one line, with what to do."""


class Fault(Exception):
    """The message is one line for the person at the terminal."""
