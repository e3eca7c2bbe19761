"""Values to bytes and back: encoding requests, decoding responses. No I/O."""
