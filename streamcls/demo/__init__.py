"""The built-in clip and model: try streamcls without a file of your own."""
