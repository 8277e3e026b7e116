"""How a command is asked of gce, and what is told of it."""

from __future__ import annotations

import shlex

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from galaxy.agent.console.requests import Ends, request_of, told, told_end
from galaxy.agent.records import End
from galaxy.protocol.gce_pb2 import ExecuteRequest

MAIN = ExecuteRequest(
    container="web.0.1.0",
    name="main.3",
    command="serve",
    envs=["PATH=/bin", "TERM=dumb", "TERMINAL=x"],
    cwd="/pods/web/0",
    user="galaxy",
    stdout_path="/pods/web/0.stdout",
    stderr_path="/pods/web/0.stderr",
)
PIPES = Ends("/1.stdout", "/1.stderr", "/1.stdin")
TERMINAL = Ends("/dev/pts/7", "/dev/pts/7", terminal="/dev/pts/7")


class RequestTests(SynchronousTestCase):
    """What gce is asked for."""

    def test_it_is_the_task_s_own_process_but_for_what_it_runs(self) -> None:
        """User, directory and limits are the task's; it joins the main process."""
        request = request_of(MAIN, "exec.5", ["ls", "-l"], PIPES, "xterm")
        self.assertEqual((request.name, request.join), ("exec.5", "main.3"))
        self.assertEqual((request.user, request.cwd), (MAIN.user, MAIN.cwd))
        self.assertEqual(list(request.envs), [*MAIN.envs, "GALAXY_EXEC=exec.5"])
        self.assertEqual(
            (request.stdin_path, request.stdout_path, request.stderr_path, request.terminal),
            ("/1.stdin", "/1.stdout", "/1.stderr", ""),
        )

    def test_a_terminal_has_a_name(self) -> None:
        """TERM is the caller's, and xterm if there is none; other variables stay."""
        for term, wanted in (("screen", "screen"), ("", "xterm")):
            request = request_of(MAIN, "exec.5", ["top"], TERMINAL, term)
            self.assertEqual(
                list(request.envs),
                ["PATH=/bin", "TERMINAL=x", f"TERM={wanted}", "GALAXY_EXEC=exec.5"],
            )
            self.assertEqual(request.terminal, "/dev/pts/7")

    @settings(deadline=None)
    @given(
        st.lists(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1
        )
    )
    def test_words_stay_words(self, command: list[str]) -> None:
        """Safety: what the shell makes of it is the words that were given."""
        request = request_of(MAIN, "exec.5", command, PIPES, "")
        self.assertEqual(shlex.split(request.command), ["exec", *command])

    def test_no_command_is_a_shell(self) -> None:
        """The better one of those that are there."""
        request = request_of(MAIN, "exec.5", [], PIPES, "")
        self.assertLess(request.command.index("exec bash"), request.command.index("exec sh"))


class ToldTests(SynchronousTestCase):
    """What events say."""

    def test_arguments_are_counted_and_not_told(self) -> None:
        """They may hold secrets."""
        self.assertEqual(told(["mysql", "-psecret"]), "'mysql' with 1 argument")
        self.assertEqual(told(["mysql", "-p", "secret"]), "'mysql' with 2 arguments")
        self.assertEqual(told(["ls"]), "'ls'")
        self.assertEqual(told([]), "a shell")

    def test_a_word_is_told_safely(self) -> None:
        """Nothing that a terminal obeys, and not without end."""
        self.assertEqual(told(["\x1b[31mls\n"]), "'[31mls'")
        self.assertLess(len(told(["x" * 10_000])), 100)

    def test_the_end(self) -> None:
        """With what, or because nobody listened any more."""
        self.assertEqual(told_end(["ls"], End(exit_code=2)), "'ls' exited with 2")
        self.assertEqual(told_end(["ls"], End(signal=9)), "'ls' was killed by signal 9")
        self.assertEqual(told_end(["ls"], None), "'ls' is ended: whoever ran it has gone")
