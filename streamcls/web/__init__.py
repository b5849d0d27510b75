"""The page and the REST API, with everything they share with a plant in one process."""
