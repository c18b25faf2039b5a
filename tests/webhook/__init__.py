"""End-of-call reports, their signature, their spool and their delivery."""
