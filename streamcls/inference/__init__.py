"""Pictures in, probabilities out: models, their weights and preprocessing."""
