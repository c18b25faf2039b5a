"""What happened and who saw what: closed records in a signed chain, one chain per box, never a patient's words."""
