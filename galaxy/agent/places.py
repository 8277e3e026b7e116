"""Where the files of a pod are, by name. Pure."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from galaxy.agent.output.outputs import Output


@frozen
class Places:
    """Where the files of one pod are: `<pods>/<pod>.<incarnation>/<task number>/`."""

    directory: Path

    def workspace(self, number: int) -> Path:
        """The working directory of a task; it belongs to the task's user."""
        return self.directory / str(number)

    def temporary(self, number: int) -> Path:
        """What a task finds as /tmp and /var/tmp."""
        return self.directory / f"{number}.tmp"

    def output(self, number: int, incarnation: int, process: str, *, stderr: bool) -> Path:
        """The file that the output of one process of a task is appended to."""
        return self.directory / Output(number, incarnation, process, stderr).name

    def health(self, number: int) -> Path:
        """What the last health check of a task wrote."""
        return self.directory / f"{number}.health"

    def numbers(self) -> list[int]:
        """The numbers of the tasks that have left something here."""
        if not self.directory.is_dir():
            return []
        return sorted(int(path.name) for path in self.directory.iterdir() if path.name.isdigit())
