"""The wire: bytes in, messages out, and what strangers may try."""
