"""How a store of an earlier release becomes one of this release; run by `pipeline.store.database`."""
