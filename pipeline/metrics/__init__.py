"""Numbers of the running server for Prometheus: what there is to know, how events become it, how it is written."""
