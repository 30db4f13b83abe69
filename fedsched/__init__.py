"""fedsched: a federated matchmaker between HTCondor pools and Kubernetes clusters."""

__version__ = "0.1.0"
