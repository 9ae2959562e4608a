"""Text in Markdown that a notebook lays out and a console prints as it is."""


class Markdown(str):
    """Markdown: `print` and the console show the text, a notebook what it means."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text itself."""
        return str(self)

    def _repr_markdown_(self) -> str:
        """Return the text, for a notebook to lay out."""
        return str(self)
