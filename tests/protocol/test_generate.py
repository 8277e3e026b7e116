"""What is generated is committed as it would be generated again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from galaxy.protocol import generate, services
from galaxy.protocol.methods import Service
from galaxy.protocol.service_source import snake_case

ROOT = Path(generate.__file__).resolve().parents[2]


class GenerateTests(SynchronousTestCase):
    """The generator, and what the command line needs of its product."""

    def test_nothing_differs(self) -> None:
        """Generating again changes nothing."""
        self.assertEqual(generate.differing(ROOT, generate.generated(ROOT)), [])

    def test_a_change_is_seen(self) -> None:
        """A file with another text, and a missing one, differ."""
        here = Path("galaxy/protocol/services.py")
        texts = {here: "other", Path("galaxy/protocol/absent_pb2.py"): ""}
        self.assertEqual(generate.differing(ROOT, texts), sorted(texts))

    def test_services_do_not_import_twisted(self) -> None:
        """Neither the services nor the blocking client load any of Twisted."""
        program = (
            "import sys, galaxy.protocol.services, galaxy.protocol.blocking\n"
            "print([name for name in sys.modules if name.split('.')[0] == 'twisted'])"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
        )
        self.assertEqual(done.stdout.strip(), "[]")

    def test_every_method_is_on_interface_and_stubs(self) -> None:
        """Constants, interface, both stubs and the wire agree."""
        found = [value for value in vars(services).values() if isinstance(value, Service)]
        self.assertEqual(
            {service.name for service in found},
            {"Agent", "Console", "Gce", "Master", "Scheduler"},
        )
        for service in found:
            interface = getattr(services, f"I{service.name}")
            stubs = [getattr(services, f"{kind}{service.name}Stub") for kind in ("", "Blocking")]
            for method in service.methods:
                self.assertEqual(
                    f"{service.name}.{method.wire_name.partition('.')[2]}", method.wire_name
                )
                self.assertIn(method.python_name, interface)
                for stub in stubs:
                    self.assertTrue(callable(getattr(stub, method.python_name)))

    def test_snake_case(self) -> None:
        """Names as Python spells them."""
        for name, snake in (("SubmitJob", "submit_job"), ("GetStatus", "get_status")):
            self.assertEqual(snake_case(name), snake)
