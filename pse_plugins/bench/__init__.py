"""How fast models run live, measured side by side on one thread, and how far from what the machine allows."""

from .contenders import default_contenders, find_contenders
from .measure import Row, measure

__all__ = ["Row", "default_contenders", "find_contenders", "measure"]
