"""Measurements: engines in processes of their own, the parts of a run alone, and the whole run."""
