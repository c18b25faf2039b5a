"""The whole server as its users meet it: started by its own command, called through its public doors."""
