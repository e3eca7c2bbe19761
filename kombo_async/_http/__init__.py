"""Bytes to Kombo and back: the only modules that touch an HTTP library."""
