"""Target P3: identifiers planted in every input, every byte out searched, and each layer shown to be needed."""
