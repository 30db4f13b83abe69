"""One HTCondor pool as fedsched reads and feeds it: demand, slots, worker files, tokens; nothing of Kubernetes."""
