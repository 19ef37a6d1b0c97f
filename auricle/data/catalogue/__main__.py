"""Command that prints the page docs/corpora.md."""

from __future__ import annotations

from auricle.data.catalogue import page

if __name__ == "__main__":
    print(page(), end="")
