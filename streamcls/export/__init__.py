"""Bundles: made of plain models, measured, and checked against their originals."""
