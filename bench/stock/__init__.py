"""The control: a bot as Pipecat's own examples build it, with the engines our server has in the same run."""
