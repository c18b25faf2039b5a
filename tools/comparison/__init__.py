"""The parts of `tools.compare_stock`: one feeder, two worlds, one way to count."""
