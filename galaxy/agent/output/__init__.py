"""What tasks write: where it is kept, how it is bounded, how it is read."""
