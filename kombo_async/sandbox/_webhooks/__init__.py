"""Events that are actually sent, signed as Kombo signs them."""
