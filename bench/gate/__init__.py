"""The gate: what may not get worse, judged on results by ratios and counts alone."""
