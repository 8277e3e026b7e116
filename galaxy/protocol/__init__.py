"""
What crosses the wire, and how: messages, framing, calls. Knows nothing of the rest.

In the order of reading: the .proto files; `services` (generated from them);
`interfaces`, what the rest of Galaxy sees; `framing` and `call_table` (with
`outgoing`, `incoming` and `greeting`), the protocol without I/O; `connection` and
`serving`, which carry it out on Twisted; `tcp` and `loopback`, the networks;
`blocking`, the client of the command line.
"""
