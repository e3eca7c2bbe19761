"""Between HTTP and typed requests: parsing, validation, lists, projection. Knows no app."""
