"""Redaction, envelope and what else is calculated about what identifies a patient."""
