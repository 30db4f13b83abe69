"""/metrics: what Prometheus reads of the newest cycle and of what was counted since the start; labels are bounded."""

from fedsched.web.metrics.exposition import Metrics, Sources, encoding
from fedsched.web.metrics.families import FAMILIES, table
from fedsched.web.metrics.route import metrics_route

__all__ = ["FAMILIES", "Metrics", "Sources", "encoding", "metrics_route", "table"]
