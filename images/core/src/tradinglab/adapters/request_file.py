"""Asks for a training through a file that the embedded operator reads. Used by the bot."""

from pathlib import Path

from tradinglab.ports.training_requests import RequestNotTaken
from tradinglab.resource.training_request import TrainingRequest


class RequestFile:
    """The newest request is the file's only line; the file is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, request: TrainingRequest) -> None:
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            temporary.write_text(request.encoded() + "\n", "utf-8")
            temporary.replace(self._path)
        except OSError as error:
            raise RequestNotTaken(f"request file {self._path}: {error.strerror}") from error
