"""A progress bar on terminals; no output anywhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callable[[int, int, int], None]]:
    """Show a progress bar, and yield a function that updates it with (parts done, total parts, lines so far)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("{task.fields[lines]} lines"), console=console, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=None, lines="0")

        def update(done: int, total: int, lines: int) -> None:
            bar.update(task, completed=done, total=total, lines=f"{lines:,}")

        yield update
