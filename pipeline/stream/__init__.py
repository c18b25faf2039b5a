"""Telephone audio as JSON over a WebSocket, in the shape of Twilio Media Streams: the words and the socket, both ends."""
