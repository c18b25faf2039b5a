"""The audit records, their writer and what reads them."""
