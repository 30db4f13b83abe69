"""The HTTP API, the dashboard and /metrics over the newest cycle; decides nothing and never makes a cycle wait."""

from fedsched.web.app import App
from fedsched.web.newest import Newest
from fedsched.web.server import WebServer

__all__ = ["App", "Newest", "WebServer"]
