"""What a machine does with pods, and what it remembers."""
