"""What tieout is measured against. These programs run in ``.venv-bench`` and know nothing of tieout."""
