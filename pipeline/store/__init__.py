"""The encrypted store: requests, their keys, their expiry and their copies. Knows no call and no transport."""
