"""What the master decides, and that it says so only when it is written down."""
