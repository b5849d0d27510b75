"""From settings to objects; every import of a heavy package happens here, when it is needed."""
