"""What an auditor is given: facts tested now, the software's parts, controls and their tests, in one signed folder."""
