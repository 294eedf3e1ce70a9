"""The commands of an app, whose modules are loaded when a command is asked for and not when the app serves pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from flask import Flask
from flask.cli import AppGroup

Load = Callable[[], Iterable[click.Command]]


class LateGroup(AppGroup):
    """A group that finds its commands when it is first asked for any."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.loads: list[Load] = []

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        while self.loads:
            for command in self.loads.pop(0)():
                self.add_command(command)


def add_commands(app: Flask, load: Load) -> None:
    """Add to `app` the commands that `load` returns, when one is asked for."""
    if not isinstance(app.cli, LateGroup):
        app.cli = LateGroup(app.name)
    app.cli.loads.append(load)
