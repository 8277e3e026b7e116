"""What is kept of pods that are gone, and for how long."""
