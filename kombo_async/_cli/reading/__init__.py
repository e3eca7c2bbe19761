"""From bytes to rows: CSV in any dialect, Excel, JSON and JSON Lines, from a file or a pipe."""
