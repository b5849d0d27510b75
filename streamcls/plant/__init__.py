"""Many cameras in one process, for months: what keeps them going, and tells of them."""
