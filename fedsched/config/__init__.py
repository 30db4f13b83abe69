"""Settings and their files: fedsched.toml, policies/*.toml, clusters/*.toml become frozen types here."""
