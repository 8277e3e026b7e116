"""What crosses the wire, and how: messages, framing, calls, connections. Knows nothing of the rest."""
