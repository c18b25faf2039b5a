"""End-of-call reports for the practice's own systems: ids and names of fields, signed, delivered until acknowledged."""
