"""What is shipped to run the server elsewhere: images, services, units, and the commands in them."""
