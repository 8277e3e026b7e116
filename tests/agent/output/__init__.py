"""What tasks write."""
