"""One member cluster: transport, list and watch, views, manifests, actuator and join; nothing of HTCondor here."""
