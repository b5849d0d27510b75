"""The page of `streamcls serve` in a real browser, as people use it."""
