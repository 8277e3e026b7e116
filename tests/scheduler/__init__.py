"""Where pods go, and the laws of it."""
