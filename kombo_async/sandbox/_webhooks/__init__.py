"""Events that are really sent, signed as Kombo signs them."""
