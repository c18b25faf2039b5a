"""Sets of model files: their list, their versions, their packs, their check at a start."""
