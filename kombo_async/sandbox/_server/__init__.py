"""One call from end to end, and the ways in: in-process and over HTTP."""
