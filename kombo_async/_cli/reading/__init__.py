"""From bytes to rows: CSV of any make, Excel, JSON and JSON Lines, from a file or a pipe."""
