"""What makes a whole file unusable."""


class UnusableFileError(Exception):
    """The message says in one line what is wrong with the file, and how to fix it."""


class LostLinesError(UnusableFileError):
    """Lines were read of which nothing was said: a fault of the reader."""
