"""One borrower's months in words, side by side under several variants (docs/diary.md)."""
