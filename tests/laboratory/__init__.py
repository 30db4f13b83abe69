"""Real Kubernetes and real HTCondor on one machine, for tests; README.md beside this file is the page to read.

It knows nothing of fedsched.
"""

from tests.laboratory.kubeapi import Api, ApiError
from tests.laboratory.laboratory import Laboratory
from tests.laboratory.places import LaboratoryError, LeftOutError

__all__ = ["Api", "ApiError", "Laboratory", "LaboratoryError", "LeftOutError"]
