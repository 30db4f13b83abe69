"""The live federation: one link per member and per pool; a lost one loses only itself."""

from fedsched.federation.world import LiveWorld, live_world

__all__ = ["LiveWorld", "live_world"]
