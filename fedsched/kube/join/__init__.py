"""From a kubeconfig to a narrow credential and a member's file, and back; what cycles do lives elsewhere."""
