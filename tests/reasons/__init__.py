"""Whether the reasons that are told are true: random states, every reason lifted, every counterfactual made."""
