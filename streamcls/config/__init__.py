"""Settings: what there is, and how options and files become it."""
