"""The close tool: periods to close, tasks, checkpoints that systems prove, readiness."""

from tieout_lab.close.app import build

__all__ = ["build"]
