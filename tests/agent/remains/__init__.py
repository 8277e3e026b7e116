"""What dead pods leave."""
