"""Where bytes live: the registry and the backends that come with Stowage."""
