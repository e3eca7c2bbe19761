"""One call from end to end, and the ways to reach it: in-process and over HTTP."""
