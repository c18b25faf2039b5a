"""The controls of a run: stock Pipecat bots."""
