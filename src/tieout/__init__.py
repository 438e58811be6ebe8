"""tieout keeps a company's finance systems in agreement, and proves it."""

__version__ = "0.1.0"
