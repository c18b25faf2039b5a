"""Where a worker's processor time goes: py-spy looks, the rest is arithmetic and a picture."""
