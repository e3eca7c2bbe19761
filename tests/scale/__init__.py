"""Fairness and manners towards Kombo, on virtual time."""
