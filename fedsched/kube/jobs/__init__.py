"""Users' Kubernetes Jobs: what may be in one, what it demands, its copy at a member, its status; no sockets here."""
