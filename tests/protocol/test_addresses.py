"""Addresses as people write them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol.addresses import TcpAddress, UnixAddress, parse_address


class AddressTests(SynchronousTestCase):
    """What is an address, and what is none."""

    def test_forms(self) -> None:
        """Each form is parsed, and written back as it was."""
        cases = {
            "127.0.0.1:8100": TcpAddress("127.0.0.1", 8100),
            "master.example:1": TcpAddress("master.example", 1),
            "[::1]:8100": TcpAddress("::1", 8100),
            "unix:/run/gce.sock": UnixAddress("/run/gce.sock"),
        }
        for text, address in cases.items():
            self.assertEqual(parse_address(text), address)
            self.assertEqual(str(address), text)

    def test_not_addresses(self) -> None:
        """Each mistake is named, with what was written."""
        for text in ("", "host", "host:", ":80", "host:x", "host:70000", "::1:80", "unix:", "h:-1"):
            with self.assertRaises(ValueError) as caught:
                parse_address(text)
            self.assertIn(text, str(caught.exception))
