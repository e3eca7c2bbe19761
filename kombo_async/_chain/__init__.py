"""What each call passes through, from the caller to HTTP and back."""
