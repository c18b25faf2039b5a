"""One call: listen, think, speak, and the ledger of what was heard."""
