"""The only way to standard output and standard error.

Text is printed as it is: nothing in it is markup, and no control character in it reaches the terminal (see
``domain.display``). What the project itself emphasises is a ``(text, style)`` pair or a ``rich.text.Text``.

On a terminal, tables fit its width. Elsewhere nothing is wrapped or folded, so that ``grep`` finds whole paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleDimensions, ConsoleOptions, RenderableType
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

from journeys_assets.domain.display import json_text, one_line, visible

UNLIMITED = 1_000_000
"""Width of an output that is no terminal, characters."""

Words = str | tuple[str, str]
"""Text, or text with its style."""


def line(*words: Words) -> Text:
    """One line of text; a line feed in it is shown, not printed."""
    return Text.assemble(*(one_line(w) if isinstance(w, str) else (one_line(w[0]), w[1]) for w in words))


class Screen(Console):
    """A console on which text from outside cannot act."""

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, **options)

    @property
    def size(self) -> ConsoleDimensions:
        return super().size if self.is_terminal else ConsoleDimensions(UNLIMITED, 25)

    @size.setter
    def size(self, new_size: tuple[int, int]) -> None:
        self._width, self._height = new_size

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)

    def write_line(self, *words: Words) -> None:
        """Print one line, which a terminal wraps by itself, so that a path in it can be copied."""
        self.print(line(*words), soft_wrap=True)

    def json(self, record: object) -> None:
        """Print a record as JSON."""
        self.out(json_text(record), highlight=False)

    def markdown(self, text: str) -> None:
        """Print Markdown: laid out on a terminal, as it is elsewhere."""
        self.print(Markdown(text, hyperlinks=False) if self.is_terminal else Text(text), soft_wrap=not self.is_terminal)
