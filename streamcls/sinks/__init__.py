"""Outputs: what becomes of the results."""
