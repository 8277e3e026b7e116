"""What crosses the wire, and how: messages, framing, calls. Knows nothing of the rest."""
