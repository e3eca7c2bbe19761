"""The version, in one place: the package, its `User-Agent` and the wheel all read it here."""

__version__ = "0.2.0"
